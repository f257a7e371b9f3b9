"""The account of a refresh token that may be revoked, to compare it with the account that signs in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from backend.azure.clients import Clients
from backend.cipp.key_reads import Sign, read_key_reads
from backend.concurrency.deadline import Deadline
from backend.credentials.kinds import PARTNER_TOKEN
from backend.errors import BackendError
from backend.key_vault.secrets import ROTATED_BY, Version
from backend.key_vault.tags import ACCOUNT, FOLLOWS, OUR_NAME, RESTORED_FROM, SIGN_IN
from backend.key_vault.vault import KeyVault
from backend.sam_app.sign_in import Entra, Redeemed, SamApp

WAIT_SECONDS: Final = 5.0  # for CIPP's table


@dataclass(frozen=True)
class Account:
    """An account by its object ID or its user principal name, each None if unknown. `works` is whether a token does."""

    id: str | None = None
    name: str | None = None
    works: bool = False

    @property
    def is_known(self) -> bool:
        """Whether it can be compared with another account."""
        return bool(self.id or self.name)

    def is_of(self, signed_in: Redeemed) -> bool:
        """Return whether it is the account that signed in. The object ID counts if both have one."""
        if self.id and signed_in.account_id:
            return self.id.lower() == signed_in.account_id.lower()
        return bool(self.name and signed_in.account and self.name.lower() == signed_in.account.lower())


@dataclass(frozen=True)
class PresentAccounts:
    """The places that show the account of a token."""

    clients: Clients
    vault: KeyVault
    entra: Entra

    def of(self, name: str, versions: Sequence[Version], app: SamApp, tenant: str) -> Account:
        """Return the account of the current token. It never raises: the account may be unknown.

        The sources, in this order:

        1. The token itself, if Entra redeems it.
        2. For the partner's token, CIPP's permissions check, if it is later than the current version. It shows the
           user's name.
        3. The tag of a sign-in by this app, from which the current version came. See `signed_in_account`.
        """
        if versions:
            try:
                redeemed = self.entra.redeem(app, tenant, self.vault.read(name).value)
            except BackendError:  # it is revoked, or its state is unknown
                pass
            else:
                return Account(redeemed.account_id, redeemed.account, works=True)
        if name == PARTNER_TOKEN and (checked := self._of_permissions_check(versions)):
            return Account(name=checked)
        return Account(signed_in_account(versions))

    def _of_permissions_check(self, versions: Sequence[Version]) -> str | None:
        """Return the user principal name in CIPP's last permissions check. A display name can't be compared.

        A check that is not later than the current version is of an earlier token, perhaps of another account.
        """
        stored = versions[0].known_created if versions else None
        if stored is None:
            return None
        signs, deadline = (Sign.ACCESS_CHECK,), Deadline.after(WAIT_SECONDS)
        check = read_key_reads(self.clients, signs, self.vault.now(), deadline).access_check
        return check.user if check and check.at > stored and "@" in check.user else None


def signed_in_account(versions: Sequence[Version]) -> str | None:
    """Return the object ID of the account of the current version, by the tag of a sign-in. None if unknown. Pure.

    A version of this app's rotation has the account of the version before it, and a restored one that of its source.
    Anything else, such as a version of CIPP's setup, may be of another account. `versions` begin with the current one.
    """
    places = {version.id: place for place, version in enumerate(versions)}
    place: int | None = 0 if versions else None
    while place is not None:
        version = versions[place]
        source = version.tags.get(RESTORED_FROM) or version.tags.get(FOLLOWS)
        if version.tags.get(ACCOUNT):
            return version.tags[ACCOUNT]
        is_own = RESTORED_FROM in version.tags or version.tags.get(ROTATED_BY) == OUR_NAME
        if SIGN_IN in version.tags or not is_own or not version.is_complete:
            return None
        before = places.get(source) if source else place + 1
        place = before if before is not None and place < before < len(versions) else None
    return None
