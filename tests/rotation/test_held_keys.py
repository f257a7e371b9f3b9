"""The checks of the sweeps notice a key that CIPP has in memory and that does not sign in any more."""

import pytest

from sandbox import names
from tests.support.rotation.checks import after_a_fault, held_fails, refused_now
from tests.support.rotation.deployment import Deployment
from tests.support.rotation.scene import CERTIFICATE, SECRET
from tests.support.rotation.theirs import State
from tests.support.sandbox.certificate import Certificate
from tests.support.sandbox.cipp_process import SHAPES

APPS = {"functions": [names.MAIN_SITE, names.OFFLOAD_SITE], "container": [names.MAIN_SITE]}
NEW_CERTIFICATE = Certificate()


def held_and_served(state: State, name: str) -> tuple[str, str]:
    """Return the version that CIPP's main app has in memory, and the one that the vault serves."""
    main = next(process for process in state["cipp"] if process["name"] == names.MAIN_SITE)
    return main["holds"][name], state["vaults"][names.VAULT]["secrets"][name][-1]["version"]


def sentences(shape: str, name: str) -> list[str]:
    return [f"'{app}' holds {name}, which does not sign in" for app in APPS[shape]]


@pytest.mark.parametrize("shape", SHAPES)
def test_revoked_secret_in_memory_is_noticed_though_the_served_one_signs_in(deployment: Deployment, shape: str) -> None:
    before = deployment.begin(shape=shape, cipp_jobs=True)
    seeded = before["applications"][names.SAM_APP_ID]["passwordCredentials"][0]
    deployment.weekly()
    state = deployment.sandbox.state()
    held, served = held_and_served(state, SECRET)
    assert held != served
    assert after_a_fault(deployment.others, before) == []
    deployment.others.remove_secret(seeded["keyId"])
    state = deployment.sandbox.state()
    assert list(refused_now(deployment.others, state)) == []
    assert list(held_fails(state)) == sentences(shape, SECRET)
    assert set(sentences(shape, SECRET)) <= set(after_a_fault(deployment.others, before))


def test_removed_certificate_in_memory_is_noticed_though_the_served_one_signs_in(deployment: Deployment) -> None:
    before = deployment.begin(shape="container", cipp_jobs=True)
    seeded = before["applications"][names.SAM_APP_ID]["keyCredentials"][0]
    deployment.others.give_certificate(NEW_CERTIFICATE)
    assert list(held_fails(deployment.sandbox.state())) == []
    there = deployment.others.app("keyCredentials")["keyCredentials"]
    deployment.others.patch_app(keyCredentials=[one for one in there if one["keyId"] != seeded["keyId"]])
    deployment.sandbox.advance(3)
    state = deployment.sandbox.state()
    assert list(refused_now(deployment.others, state)) == []
    assert list(held_fails(state)) == sentences("container", CERTIFICATE)
