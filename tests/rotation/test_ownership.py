"""Which credentials on the SAM app this app created, as a table: by its full name, or by this vault's tags."""

import pytest

from backend.rotation.planning.ownership import credential_name, is_own
from backend.rotation.planning.version_history import Version
from tests.support.rotation.plan_cases import NOW, own, version

VAULT = "cippabc12"
RUN = "0123456789ab"
NAME = f"CIPP Backend {VAULT} {RUN}"
EARLIER = f"CIPP Backend {RUN}"  # as earlier releases named them
KEY = "6F9619FF-8B86-D011-B42D-00CF4FC964FF"
TAGGED = [own("a", NOW, credential_id=KEY.lower(), tagged_id=KEY.lower())]

CASES: dict[str, tuple[str, str, list[Version], bool]] = {
    "the full name": (NAME, VAULT, [], True),
    "the vault in another case": (NAME, VAULT.upper(), [], True),
    "of another vault": (NAME, "cippxyz98", [], False),
    "of another vault, although this vault names it": (NAME, "cippxyz98", TAGGED, False),
    "of a vault whose name begins alike": (NAME, "cippabc1", [], False),
    "of a vault whose name matches as a pattern": (NAME, "cipp.bc12", [], False),
    "no vault is configured": (NAME.replace(VAULT, ""), "", TAGGED, False),
    "a letter more": (f"{NAME}c", VAULT, TAGGED, False),
    "a digit less": (NAME[:-1], VAULT, TAGGED, False),
    "a run that is not hexadecimal": (NAME[:-1] + "g", VAULT, TAGGED, False),
    "a run in capitals": (f"CIPP Backend {VAULT} {RUN.upper()}", VAULT, TAGGED, False),
    "something before it": (f"Old {NAME}", VAULT, TAGGED, False),
    "a line break after it": (f"{NAME}\n", VAULT, TAGGED, False),
    "an admin's": ("CIPP Backend for my nightly script", VAULT, TAGGED, False),
    "none": ("", VAULT, TAGGED, False),
    "an earlier name that a tag of this vault names": (EARLIER, VAULT, TAGGED, True),
    "an earlier name and a digit more": (f"{EARLIER}c", VAULT, TAGGED, False),
    "an earlier name alone": (EARLIER, VAULT, [], False),
    "an earlier name, and another credential is tagged": (
        EARLIER,
        VAULT,
        [own("a", NOW, credential_id="other", tagged_id="other")],
        False,
    ),
    "an earlier name, and others tagged it": (
        EARLIER,
        VAULT,
        [version("a", NOW, credential_id=KEY, tagged_id=KEY)],
        False,
    ),
    "an earlier name that was found by the hint alone": (EARLIER, VAULT, [own("a", NOW, credential_id=KEY)], False),
}


@pytest.mark.parametrize(("name", "vault", "versions", "expected"), CASES.values(), ids=CASES)
def test_credential_is_this_apps(name: str, vault: str, versions: list[Version], *, expected: bool) -> None:
    assert is_own(name, KEY, vault, versions) is expected


def test_name_of_a_new_credential_is_this_apps() -> None:
    assert is_own(credential_name("CippAbc12", RUN), KEY, VAULT, [])
