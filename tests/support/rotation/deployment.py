"""A CIPP with one direct tenant, and this process as the app: each run in new services, as after a cold start."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from typing import Any, Final

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableServiceClient
from cryptography.hazmat.primitives.asymmetric import rsa

from settings.http.process import services
from tests.support.api import AMBIENT, QUICK, functions
from tests.support.rotation.lag import NO_LAG, Lag, shorten_lock
from tests.support.rotation.others import Others
from tests.support.rotation.theirs import State
from tests.support.sandbox.certificate import Certificate
from tests.support.sandbox_client import Sandbox

OUR_TABLES: Final = ("CippBackendKeys", "CippBackendRuns", "CippBackendRunKeys")
LOCK: Final = "CippBackendLocks"

# of each new key, where the sign-in checks are not the point
ONE_SIGN_IN_CHECK: Final = {"KEY_ROTATION_PROOF_COUNT": "1"}


class Deployment:
    """The sandbox, and the environment of an app that is aimed at it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.others = Others(sandbox)
        self._certificate = Certificate()
        self._begun = 0
        self.lag = NO_LAG
        self.environ = {"AZURE_FUNCTIONS_ENVIRONMENT": "Development", **sandbox.env, **QUICK}
        del self.environ["KEY_ROTATION_PROOF_COUNT"]  # a sweep disturbs each of the sign-ins

    def begin(self, lag: Lag = NO_LAG, **cipp: object) -> State:
        """Start over, the storage too, with credentials of others on the app. Returns what there is.

        `cipp`: options of the sandbox's reset that choose how CIPP is installed.
        """
        with self._tables() as tables:
            for name in OUR_TABLES:
                tables.delete_table(name)  # a missing table is not an error
        self.free_the_lock()
        self.lag = lag
        self.others.reset(direct_tenants=1, **lag.options, **cipp)
        self.others.share_the_app(self._certificate)
        self.sandbox.advance(lag.settled_after_seconds)
        self._begun = len(self.sandbox.calls())
        return self.sandbox.state()

    def calls(self) -> list[dict[str, Any]]:
        """Return the calls since the beginning."""
        return self.sandbox.calls()[self._begun :]

    def free_the_lock(self) -> None:
        """Take the lock from a killed run of the test before, whose row may be younger than 30 s after the reset."""
        with self._tables() as tables:
            table = tables.get_table_client(LOCK)
            try:
                for row in list(table.list_entities()):
                    table.delete_entity(row)
            except ResourceNotFoundError:
                return

    def weekly(self, **settings: str) -> None:
        """Do the week's run as the host does."""
        self._call("WeeklyKeyRotation", settings)

    def catch_up(self, **settings: str) -> None:
        """Do the hourly catch-up as the host does."""
        self._call("KeyRotationCatchUp", settings)

    def _tables(self) -> TableServiceClient:
        return TableServiceClient.from_connection_string(self.environ["AzureWebJobsStorage"])

    def _call(self, name: str, settings: dict[str, str]) -> None:
        with self.process(**settings):
            self.tick(name)

    def tick(self, timer: str) -> None:
        """Let the clock start a function in the current process."""
        functions()[timer.lower()].get_user_function()(None)

    @contextmanager
    def process(self, **settings: str) -> Iterator[None]:
        """Be one process of the app, with new services that stay until the end."""
        with pytest.MonkeyPatch.context() as environ:
            for variable in list(os.environ):
                if variable.startswith(AMBIENT):
                    environ.delenv(variable)
            for variable, value in {**self.environ, **settings, **self.lag.settings}.items():
                environ.setenv(variable, value)
            shorten_lock(environ, self.lag.clock_rate)
            environ.setattr(rsa, "generate_private_key", one_of_some_keys)
            services.cache_clear()
            yield
            services.cache_clear()


_SOME: Final = 8
_turn: Final = count()
_generate: Final = rsa.generate_private_key


def one_of_some_keys(public_exponent: int, key_size: int) -> rsa.RSAPrivateKey:
    """Return one of a few keys, in turn. Each is made once in this process, which takes a tenth of a rotation."""
    return _key(next(_turn) % _SOME, public_exponent, key_size)


@cache
def _key(_number: int, public_exponent: int, key_size: int) -> rsa.RSAPrivateKey:
    return _generate(public_exponent, key_size)
