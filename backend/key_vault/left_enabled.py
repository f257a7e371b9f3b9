"""Old versions of a secret that a restore enabled to read them and, after an interruption, did not disable again."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from backend.errors import BackendError
from backend.key_vault.secrets import Version

if TYPE_CHECKING:
    from backend.key_vault.vault import KeyVault

logger = logging.getLogger("cipp.vault")


def left_enabled(versions: Sequence[Version]) -> list[Version]:
    """Return the versions that still have the mark of a restore. The first of `versions`, the current one, never does.

    A restore in progress also has one. If its version is disabled before the read, the restore fails and changes
    nothing.
    """
    return [version for version in versions[1:] if version.enabled and version.is_enabled_for_restore]


def disable_left_enabled(vault: "KeyVault", name: str, versions: Sequence[Version]) -> list[str]:
    """Disable the versions from `left_enabled`, and return a sentence for each. Requires set on the vault.

    A failure becomes a sentence, not an error: the next change or run retries.
    """
    secret = vault.quoted(name)
    sentences = []
    for version in versions:
        try:
            vault.disable_again(name, version, once=True)
        except BackendError as error:
            sentence = f"Version {version.id} of {secret} is still enabled since an earlier restore. {error}"
            logger.warning("%s", sentence)
        else:
            sentence = f"Disabled version {version.id} of {secret}, which an earlier restore had left enabled."
            logger.info("%s", sentence)
        sentences.append(sentence)
    return sentences
