"""Histories in which everything happens to all keys; those of single keys are in the files beside this one."""

from collections.abc import Callable

import pytest

from tests.rotation.history import History
from tests.rotation.machine import Everything, tell


@pytest.mark.timeout(1800)
def test_whatever_happens_to_all_keys_what_the_vault_serves_signs_in(told: Callable[..., History]) -> None:
    tell(Everything, told(), histories=70)
