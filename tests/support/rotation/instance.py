"""Other processes of this app. Each is called as the host calls it, and can be stopped and killed."""

import multiprocessing
import os
import signal
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Self

from tests.support.api import AMBIENT, Answer, Api
from tests.support.planted import FINDS
from tests.support.rotation.lag import shorten_for_good

WAIT_SECONDS = 100
# Forked from a process that has imported everything: a start takes some hundredths of a second.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "azure.data.tables",
        "azure.identity",
        "azure.keyvault.secrets",
        "azure.mgmt.resource.resources",
        "azure.mgmt.web",
        "backend.azure.transport",
        "backend.sam_app.graph_token",
        "msal",
        "msgraph.graph_service_client",
        "tests.support.api",
    ]
)


class Instance:
    """One process."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._ours, theirs = _FORKS.Pipe()
        self._process = _FORKS.Process(target=_serve, args=(theirs, dict(environ)), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def begin(self, **body: object) -> None:
        """Request a rotation, and don't wait for it."""
        self.begin_at("ExecKeyRotation", **body)

    def begin_as(self, role: str, **body: object) -> None:
        """Request a rotation as a caller with a role, and don't wait for it."""
        self._ours.send(("ExecKeyRotation", body, role))

    def begin_at(self, endpoint: str, **body: object) -> None:
        """Call an endpoint, and do not wait for it."""
        self._ours.send((endpoint, body, "superadmin"))

    @property
    def is_done(self) -> bool:
        """Return whether the response has arrived."""
        return self._ours.poll()

    def answer(self) -> Answer:
        """Wait for the response."""
        if not self._ours.poll(WAIT_SECONDS):
            raise TimeoutError("The other instance does not respond.")
        answer: Answer = self._ours.recv()
        FINDS.look(f"{answer.text} {answer.headers}", "response of another instance")
        return answer

    def rotate(self, **body: object) -> Answer:
        """Request a rotation."""
        self.begin(**body)
        return self.answer()

    def pause(self) -> None:
        """Stop it where it stands, as a machine that sleeps does."""
        os.kill(self._process.pid or 0, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        os.kill(self._process.pid or 0, signal.SIGCONT)

    def kill(self) -> None:
        """End it without a word."""
        self._process.kill()
        self._process.join()
        self._ours.close()


def _serve(requests: Connection, environ: Mapping[str, str]) -> None:
    for name in [name for name in os.environ if name.startswith(AMBIENT)]:
        del os.environ[name]
    os.environ.update(environ)
    shorten_for_good(os.environ)
    api = Api()
    while True:
        try:
            endpoint, body, role = requests.recv()
        except EOFError:
            return
        requests.send(api.post(endpoint, body, role=role))
