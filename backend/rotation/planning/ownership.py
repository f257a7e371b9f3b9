"""Which client secrets and certificates on the SAM app this app created. Pure.

Several installations may share one SAM app, and an admin may give a credential any name. So a credential belongs to
this app only by its full name, `CIPP Backend <vault> <run>`, in which `<vault>` is the key vault of this installation
and `<run>` the id of the run that created it, 12 hex digits. Earlier releases left the vault out. Such a credential
belongs to this app only if a version in this vault that this app stored names it in its tags.
"""

import re
from collections.abc import Iterable
from typing import Final

from backend.key_vault.tags import OUR_NAME
from backend.rotation.planning.version_history import Version

_RUN: Final = "[0-9a-f]{12}"


def credential_name(vault: str, run_id: str) -> str:
    """Return the display name of a credential that a run creates."""
    return f"{OUR_NAME} {vault.lower()} {run_id}"


def is_own(display_name: str, credential_id: str, vault: str, versions: Iterable[Version]) -> bool:
    """Return whether this app created a credential. `versions` are those of its vault secret."""
    if vault and re.fullmatch(f"{OUR_NAME} {re.escape(vault.lower())} {_RUN}", display_name):
        return True
    if not re.fullmatch(f"{OUR_NAME} {_RUN}", display_name):
        return False
    tagged = (version.tagged_id.lower() for version in versions if version.is_own and version.tagged_id)
    return credential_id.lower() in tagged
