"""Histories of the certificate."""

from collections.abc import Callable

import pytest

from tests.rotation.history import History
from tests.rotation.machine import Certificates, tell


@pytest.mark.timeout(1800)
def test_whatever_happens_to_the_certificate_what_the_vault_serves_signs_in(told: Callable[..., History]) -> None:
    tell(Certificates, told("SAMCertificate"), histories=70)
