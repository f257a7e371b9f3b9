"""Histories of the client secret."""

from collections.abc import Callable

import pytest

from tests.rotation.history import History
from tests.rotation.machine import Secrets, tell


@pytest.mark.timeout(1800)
def test_whatever_happens_to_the_client_secret_what_the_vault_serves_signs_in(told: Callable[..., History]) -> None:
    tell(Secrets, told("ApplicationSecret"), histories=70)
