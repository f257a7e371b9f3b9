"""`python -m sandbox`: start a small Azure, say where it is, and run until told to end."""

import argparse
import asyncio
import logging
import signal
import sys
import uuid
from pathlib import Path
from typing import Final

from sandbox import names
from sandbox.azurite import AzuriteError, start_azurite
from sandbox.ca import CertificateAuthority
from sandbox.connection import HttpServer
from sandbox.control import control
from sandbox.env_file import EnvFile, OccupiedError
from sandbox.options import Options
from sandbox.proxy import ProxyProtocol
from sandbox.seed import seed
from sandbox.server import IDENTITY_PATH, Server
from sandbox.tokens import TokenIssuer

_LOOPBACK: Final = "127.0.0.1"
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def run(folder: Path, *, quiet: bool) -> int:
    """Run until a signal comes or Azurite ends; return the exit code."""
    stop = asyncio.Event()
    for number in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    env_file = EnvFile(folder)
    try:
        return await _serve(folder, env_file, stop, quiet=quiet)
    finally:
        env_file.remove()


async def _serve(folder: Path, env_file: EnvFile, stop: asyncio.Event, *, quiet: bool) -> int:
    azurite = await start_azurite(folder / "azurite.log")
    servers: list[HttpServer] = []
    try:
        variables = await _listen(folder, servers)
        await azurite.wait_until_it_answers()
        env_file.write({**variables, "AzureWebJobsStorage": azurite.connection_string})
        if not quiet:
            sys.stdout.write(_welcome(variables["SANDBOX_URL"], folder))
            sys.stdout.flush()
        stopped = asyncio.create_task(stop.wait())
        ended = asyncio.create_task(azurite.ended())
        await asyncio.wait({stopped, ended}, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            return 0
        raise AzuriteError(f"Azurite ended by itself; {folder / 'azurite.log'} may say why. So ends the sandbox.")
    finally:
        env_file.path.unlink(missing_ok=True)
        for server in servers:
            server.cut_all()
        await azurite.stop()


async def _listen(folder: Path, servers: list[HttpServer]) -> dict[str, str]:
    """Open the proxy and the control address; return the variables that aim at them."""
    loop = asyncio.get_running_loop()
    authority = CertificateAuthority()
    bundle = folder / "ca.pem"
    authority.write_bundle(bundle)
    tokens = TokenIssuer()
    identity_header = str(uuid.uuid4()).upper()
    azure = Server(seed(Options(), tokens), identity_header)
    https = HttpServer(azure)
    plain = HttpServer(control(azure, lambda options: seed(options, tokens)))
    servers += [https, plain]
    proxy = await loop.create_server(lambda: ProxyProtocol(authority, https), _LOOPBACK, 0)
    local = await loop.create_server(plain.protocol, _LOOPBACK, 0)
    proxy_url, url = (f"http://{_LOOPBACK}:{s.sockets[0].getsockname()[1]}" for s in (proxy, local))
    return {
        "HTTPS_PROXY": proxy_url,
        "https_proxy": proxy_url,
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "ALL_PROXY": "",
        "all_proxy": "",
        "REQUESTS_CA_BUNDLE": str(bundle),
        "SSL_CERT_FILE": str(bundle),
        "IDENTITY_ENDPOINT": f"{url}{IDENTITY_PATH}",
        "IDENTITY_HEADER": identity_header,
        "SANDBOX_URL": url,
        "SANDBOX_VAULT_URL": f"https://{names.VAULT}.vault.azure.net",
        "WEBSITE_SITE_NAME": names.BACKEND_SITE,
        "WEBSITE_OWNER_NAME": f"{names.SUBSCRIPTION_ID}+{names.RESOURCE_GROUP}-WestEuropewebspace-Linux",
        "WEBSITE_RESOURCE_GROUP": names.RESOURCE_GROUP,
        "CIPP_FUNCTION_APP": names.MAIN_SITE,
    }


def _welcome(url: str, folder: Path) -> str:
    return (
        "The sandbox answers. .sandbox/env aims any tool at it, for example:\n"
        f"  env $(cat .sandbox/env) az login --identity\n"
        f"Control: {url}/sandbox/state   Log: {folder / 'sandbox.log'}\n"
        "Ctrl-C ends it.\n"
    )


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="A small Azure on this machine.")
    parser.add_argument("--quiet", action="store_true", help="print errors only; the log file has the rest")
    arguments = parser.parse_args()
    folder = Path.cwd() / ".sandbox"
    folder.mkdir(exist_ok=True)
    try:
        _log_to(folder / "sandbox.log", quiet=arguments.quiet)
        return asyncio.run(run(folder, quiet=arguments.quiet))
    except (AzuriteError, OccupiedError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _log_to(path: Path, *, quiet: bool) -> None:
    handlers: list[logging.Handler] = [logging.FileHandler(path, mode="a", encoding="utf-8")]
    if not quiet:
        handlers.append(logging.StreamHandler())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", handlers=handlers)


if __name__ == "__main__":
    sys.exit(main())
