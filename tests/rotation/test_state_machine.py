"""Four hundred histories of one CIPP, in which anything happens in any order: what the vault serves signs in.

They are told in parts, so that several processes share them.
"""

from collections.abc import Callable

import pytest

from tests.rotation.history import History
from tests.rotation.machine import Certificates, Everything, Secrets, Tokens, tell
from tests.rotation.scene import CERTIFICATE, SECRET, TOKEN

pytestmark = pytest.mark.timeout(1800)  # on a machine that others use, too


@pytest.mark.parametrize("part", range(5))
def test_whatever_happens_to_refresh_tokens(told: Callable[..., History], part: int) -> None:
    tell(Tokens, told(TOKEN, "tenant"), part=part, histories=36)


@pytest.mark.parametrize("part", range(5))
def test_whatever_happens_to_the_client_secret(told: Callable[..., History], part: int) -> None:
    tell(Secrets, told(SECRET), part=part, histories=27)


@pytest.mark.parametrize("part", range(4))
def test_whatever_happens_to_the_certificate(told: Callable[..., History], part: int) -> None:
    tell(Certificates, told(CERTIFICATE), part=part, histories=18)


@pytest.mark.parametrize("part", range(4))
def test_whatever_happens_to_all_keys(told: Callable[..., History], part: int) -> None:
    tell(Everything, told(), part=part, histories=9)
