"""Histories of refresh tokens."""

from collections.abc import Callable

import pytest

from tests.rotation.history import History
from tests.rotation.machine import Tokens, tell


@pytest.mark.timeout(1800)
def test_whatever_happens_to_refresh_tokens_what_the_vault_serves_signs_in(told: Callable[..., History]) -> None:
    tell(Tokens, told("RefreshToken", "tenant"), histories=70)
