"""Scenarios with one CIPP, in which anything happens in any order. What the vault serves can always sign in.

There are four hundred in the full tier, and a quarter of them otherwise. They run in parts, so that several
processes share them.
"""

from collections.abc import Callable

import pytest

from tests.support.rotation.container import CONTAINER
from tests.support.rotation.history import History
from tests.support.rotation.machine import Certificates, Everything, Secrets, Tokens, run_scenarios
from tests.support.rotation.scene import CERTIFICATE, SECRET, TOKEN
from tests.support.tiers import chosen

pytestmark = [
    pytest.mark.timeout(1800),  # on a machine that others use, too
    pytest.mark.slow("each is many runs"),
    pytest.mark.larger_in_full_tier,
]


@pytest.mark.parametrize("part", range(5))
def test_rules_hold_in_every_scenario_of_refresh_tokens(new_history: Callable[..., History], part: int) -> None:
    run_scenarios(Tokens, new_history(TOKEN, "tenant"), part=part, histories=chosen(reduced=9, full=36))


@pytest.mark.parametrize("part", range(5))
def test_rules_hold_in_every_scenario_of_the_client_secret(new_history: Callable[..., History], part: int) -> None:
    run_scenarios(Secrets, new_history(SECRET), part=part, histories=chosen(reduced=7, full=27))


@pytest.mark.parametrize("part", range(4))
def test_rules_hold_in_every_scenario_of_the_certificate(new_history: Callable[..., History], part: int) -> None:
    run_scenarios(Certificates, new_history(CERTIFICATE), part=part, histories=chosen(reduced=4, full=18))


@pytest.mark.parametrize("part", range(4))
def test_rules_hold_in_every_scenario_of_all_keys(new_history: Callable[..., History], part: int) -> None:
    run_scenarios(Everything, new_history(), part=part, histories=chosen(reduced=2, full=9))


@pytest.mark.parametrize("part", range(2))
def test_rules_hold_in_every_scenario_of_a_container(new_history: Callable[..., History], part: int) -> None:
    run_scenarios(Everything, new_history(**CONTAINER), part=part, histories=chosen(reduced=1, full=5))
