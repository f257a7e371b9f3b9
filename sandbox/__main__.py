"""`python -m sandbox`: start a local Azure emulator, print its address, and run until it is stopped."""

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sandbox.azurite import AzuriteError, start_azurite
from sandbox.env_file import EnvFile, OccupiedError
from sandbox.shapes import SHAPES

if TYPE_CHECKING:
    from sandbox.connection import HttpServer

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def run(folder: Path, shape: str, *, quiet: bool) -> int:
    """Run until a signal arrives or Azurite exits. Return the exit code."""
    stop = asyncio.Event()
    for number in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    env_file = EnvFile(folder)
    try:
        return await _serve(folder, env_file, shape, stop, quiet=quiet)
    finally:
        env_file.remove()


async def _serve(folder: Path, env_file: EnvFile, shape: str, stop: asyncio.Event, *, quiet: bool) -> int:
    azurite = await start_azurite(folder / "azurite.log")
    servers: list[HttpServer] = []
    try:
        # Imported here, not above: loading all that code takes as long as Azurite takes to start.
        from sandbox.listen import listen  # noqa: PLC0415
        from sandbox.options import Options  # noqa: PLC0415
        from sandbox.seed import direct_tenants  # noqa: PLC0415
        from sandbox.tables.cipps_tables import CippsTables  # noqa: PLC0415

        cipps, options = CippsTables(azurite.tables), Options(shape=shape)
        variables = await listen(folder, servers, azurite.tables, cipps, options)
        await azurite.wait_until_ready()
        await asyncio.to_thread(cipps.make, direct_tenants(options), {})
        cipps.has_seeded_config = shape == "container"
        env_file.write({**variables, "AzureWebJobsStorage": azurite.connection_string(variables["SANDBOX_URL"])})
        if not quiet:
            sys.stdout.write(_welcome(variables["SANDBOX_URL"], folder))
            sys.stdout.flush()
        stopped = asyncio.create_task(stop.wait())
        ended = asyncio.create_task(azurite.ended())
        await asyncio.wait({stopped, ended}, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            return 0
        raise AzuriteError(
            f"Azurite exited unexpectedly, so the sandbox stops. For the cause, see {folder / 'azurite.log'}."
        )
    finally:
        env_file.path.unlink(missing_ok=True)
        for server in servers:
            server.cut_all()
        await azurite.stop()


def _welcome(url: str, folder: Path) -> str:
    return (
        "The sandbox is ready. .sandbox/env configures any tool to use it, for example:\n"
        f"  env $(cat .sandbox/env) az login --identity\n"
        f"Control: {url}/sandbox/state   Log: {folder / 'sandbox.log'}\n"
        "To stop it, press Ctrl-C.\n"
    )


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="Run a local Azure emulator.")
    parser.add_argument("--quiet", action="store_true", help="print errors only. The log file has everything else.")
    parser.add_argument(
        "--shape", choices=SHAPES, default=SHAPES[0], help="how CIPP is installed until the first reset"
    )
    arguments = parser.parse_args()
    folder = Path.cwd() / ".sandbox"
    folder.mkdir(exist_ok=True)
    try:
        _log_to(folder / "sandbox.log", quiet=arguments.quiet)
        return asyncio.run(run(folder, arguments.shape, quiet=arguments.quiet))
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
