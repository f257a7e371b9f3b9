"""The tags of the versions that this app creates, and this app's name in them."""

from typing import Final

OUR_NAME: Final = "CIPP Backend"
CREDENTIAL_ID: Final = "credential-id"  # Graph's keyId, or the certificate's thumbprint
FOLLOWS: Final = "follows"  # the version that was current before this app's
LOOKED: Final = "looked"  # when the app saw that the vault had no version before its own
RESTORED_FROM: Final = "restored-from"  # the version whose value is stored again
RESTART: Final = "restart"  # when CIPP may be restarted for the version. Without the tag: at any time
WEEKLY: Final = "weekly"  # a value of `RESTART`: not before the next weekly run
ACCOUNT: Final = "account"  # the object ID of the account that signed in for a refresh token
SIGN_IN: Final = "sign-in"  # the ID of that sign-in
