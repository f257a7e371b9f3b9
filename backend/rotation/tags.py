"""The tags of a vault's version that is ours, and our name."""

from typing import Final

OUR_NAME: Final = "CIPP Backend"
CREDENTIAL_ID: Final = "credential-id"  # Graph's keyId, or the certificate's thumbprint
FOLLOWS: Final = "follows"  # the version that ours was put on top of
LOOKED: Final = "looked"  # when the vault was seen to have nothing that ours could follow
RESTORED_FROM: Final = "restored-from"  # the version whose value is stored again
RESTART: Final = "restart"  # when CIPP may be restarted for the version, without the tag any time
WEEKLY: Final = "weekly"  # its value: not before the next weekly run
