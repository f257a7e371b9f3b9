"""The sign-in of users to CIPP as a container, for the endpoints."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from backend.hosting.container.domains.callbacks import Callbacks
from backend.hosting.container.sign_in.causes import state_of
from backend.hosting.container.sign_in.choice import Request
from backend.hosting.container.sign_in.reader import SignInReader
from backend.hosting.container.sign_in.reference import SignInReference
from backend.hosting.container.sign_in.repair import SignInRepairs
from backend.hosting.results.sign_in import SignInCauseName, SignInRepair, SignInState

if TYPE_CHECKING:
    from backend.hosting.hosting import Core, RenewSecret


class ContainerSignInRepair:
    """The service of the causes and their repair."""

    def __init__(self, core: "Core", reference: SignInReference) -> None:
        callbacks = Callbacks(core.clients, core.discovery, core.sam_graph)
        users = core.allowed_users_writer
        self.reader = SignInReader(
            core.clients, core.discovery, core.key_vault, reference, callbacks, users, core.access_tables
        )
        self._repairs = SignInRepairs(core.clients, core.discovery, self.reader, reference, callbacks)

    def state(self) -> SignInState:
        """Return the causes for which users can't sign in."""
        return state_of(self.reader.seen())

    def repair(
        self,
        causes: Sequence[SignInCauseName] | None,
        renew: "RenewSecret",
        *,
        dry_run: bool,
        force: bool,
        by: str = "",
    ) -> SignInRepair:
        """Remove causes."""
        return self._repairs.repair(Request(causes, dry_run, force, by), renew)
