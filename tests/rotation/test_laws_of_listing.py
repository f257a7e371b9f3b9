"""What a run of all keys decides of a token from the one listing of the vault, and when it looks closer."""

import pytest

from sandbox import names
from tests.support import phrases
from tests.support.rotation.others import Others
from tests.support.rotation.scene import ENTRA, TOKEN, VAULT, Scene, key_of, refused

OUR_TAGS = {"rotated-by": "CIPP Backend"}


def of_all(scene: Scene, name: str = TOKEN) -> dict[str, object]:
    """Run over all keys, and return the report of one."""
    return key_of(scene.rotate()["Keys"], name)


def a_token(others: Others, value: str) -> str:
    """Redeem a token for a new one."""
    form = {"refresh_token": value, "client_secret": others_secret(others)}
    return str(others.token(names.TENANT_ID, grant_type="refresh_token", **form).json()["refresh_token"])


def others_secret(others: Others) -> str:
    app = others.azure.state()["applications"][names.SAM_APP_ID]
    return str(app["passwordCredentials"][0]["secretText"])


@pytest.fixture
def rotated(scene: Scene) -> Scene:
    """All keys are renewed; no token is due in the hours that follow."""
    scene.midweek()
    assert of_all(scene)["Outcome"] == "rotated"
    scene.go(hours=1)
    return scene


def test_token_that_is_not_due_is_left_by_the_listing_alone(rotated: Scene) -> None:
    before = len(rotated.calls(VAULT, "GET", f"/secrets/{TOKEN}"))
    checked = len(rotated.calls(ENTRA, body="grant_type=refresh_token"))
    assert of_all(rotated)["Outcome"] == "unchanged"
    assert len(rotated.calls(ENTRA, body="grant_type=refresh_token")) == checked
    assert len(rotated.calls(VAULT, "GET", f"/secrets/{TOKEN}")) <= before + 1  # whether it is a placeholder


def test_token_revoked_at_a_check_is_tried_before_it_is_due(rotated: Scene) -> None:
    rotated.azure.faults([refused(50173)])
    assert key_of(rotated.prove(TOKEN), TOKEN)["Outcome"] == "dead"
    assert of_all(rotated)["Outcome"] == "failed"
    assert f"{phrases.CIPP_FAILS_WITH} RefreshToken" in rotated.overview()["Sentence"]


@pytest.mark.parametrize("known", [True, False])
def test_token_over_one_by_others_is_undone_when_its_run_was_killed(rotated: Scene, *, known: bool) -> None:
    """The run had stored and was killed before it looked again: the journal has no try since then, or none at all."""
    if not known:
        rotated.others.clear_tables()
    first = rotated.served(TOKEN)
    theirs = a_token(rotated.others, first["value"])
    rotated.others.store(TOKEN, theirs)
    rotated.go(seconds=2)
    tags = {**OUR_TAGS, "follows": first["version"]}
    rotated.others.store(TOKEN, a_token(rotated.others, first["value"]), tags=tags)
    rotated.go(seconds=2)
    assert of_all(rotated)["Outcome"] == "rotated"
    assert rotated.value(TOKEN) == theirs
