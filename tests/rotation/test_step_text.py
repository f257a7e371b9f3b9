"""The sentences of a dry run about the steps of a rotation."""

import pytest

from backend.credentials.kinds import Kind
from backend.rotation.planning.plan import Disable, Leave, Lock, PutBack, Remove, Renew, Step
from backend.rotation.planning.step_text import RENEWALS, in_words
from tests.support import phrases

STEPS: list[tuple[Step, str]] = [
    (PutBack("Stored by others.", "v1"), "v1"),
    (Remove("Expired.", "key-1"), "key-1"),
    (Disable("Replaced.", "v2"), "v2"),
    (Lock("By default."), "service principals"),
]


@pytest.mark.parametrize("kind", RENEWALS)
def test_renewal_names_the_kind_and_each_part(kind: Kind) -> None:
    sentence = in_words(Renew("Due."), kind)
    assert all(word in sentence for word in (phrases.VERIFY_IT, phrases.STORE_IT, phrases.READ_BACK))


@pytest.mark.parametrize(("step", "named"), STEPS)
def test_sentence_of_a_step_names_what_it_changes(step: Step, named: str) -> None:
    assert named in in_words(step, "ClientSecret")


def test_step_that_does_nothing_has_no_sentence() -> None:
    assert in_words(Leave("Not due."), "ClientSecret") == ""
