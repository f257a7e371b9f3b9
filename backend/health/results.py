"""The health of CIPP's backend and this app's permissions, as the API returns them."""

from datetime import datetime
from typing import Final

from backend.configuration.mode import ModeName
from backend.installation.app_states import AppCondition
from backend.installation.needs import RightKind
from backend.installation.results import Card
from backend.values import Value

REMEMBERED_SECONDS: Final = 15.0


class Right(Value, frozen=True):
    """One permission. `has` is null if it could not be checked, and `problem` states why.

    For a granted permission, `problem` states what else blocks this app, such as a firewall.
    """

    feature: str
    kind: RightKind
    action: str
    scope: str
    has: bool | None
    problem: str | None = None


class Rights(Value, frozen=True):
    """The permissions that the mode needs, and the commands (bash, Azure CLI) that grant missing ones.

    Permissions on resources that this app can't see are missing. After you run the commands, check again.
    """

    mode: ModeName
    rights: list[Right]
    missing: int
    commands: list[str]


class BackendStatus(Value, frozen=True):
    """Whether CIPP is up, for every role of CIPP. It names nothing but CIPP's main app.

    - `condition`: a container that Azure runs is Starting until it responds, and Down if that takes longer than 10
      minutes. Azure can't show whether function apps respond.
    - `since`: when this app first saw this condition. It began then or earlier, but after `since_earliest`, at which
      this app last saw another one. Both are null if they are unknown.
    - `works_until`: until when CIPP's keys work, null if it is unknown. If it has passed, CIPP doesn't work.
    - `contact`: whom to call, by the setting CIPP_CONTACT. Null if it is not set: then a superadmin of CIPP.
    """

    name: str | None
    condition: AppCondition
    since: datetime | None
    since_earliest: datetime | None
    works_until: datetime | None
    contact: str | None
    as_of: datetime
    remembered_seconds: float = REMEMBERED_SECONDS


class Overview(Value, frozen=True):
    """All cards as of a time. They are cached for `remembered_seconds`.

    `status` is what `ListBackendStatus` shows to every role.
    `mode` is what the deployment of this installation allows it to change. `mode_notes` state how to allow the rest.
    `version` and `commit` are those of this app.
    """

    mode: ModeName
    mode_notes: list[str]
    cards: list[Card]
    as_of: datetime
    version: str
    commit: str
    status: BackendStatus
    remembered_seconds: float = REMEMBERED_SECONDS
