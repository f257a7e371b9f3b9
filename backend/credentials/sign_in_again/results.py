"""The sign-in of a person for a refresh token: the order, and the results of its two steps."""

from datetime import datetime
from typing import Final, Literal

import msgspec

from backend.values import Act, SecretText

Method = Literal["device", "code"]
Progress = Literal["waiting", "stored"]
NAMES_METHODS: Final = "device, or code"


class SignInStart(Act, frozen=True, kw_only=True):
    """The start of a sign-in. The person opens `address`, and with the method device enters `user_code` there.

    `account` is the account of the present token, null if it is unknown. `state` is the sealed state of this sign-in,
    for the next call until `expires`. Only this app can read it.
    """

    name: str
    tenant_id: str
    app_id: str
    method: Method
    account: str | None = None
    address: str | None = None
    user_code: str | None = None
    interval_seconds: int | None = None
    expires: datetime | None = None
    state: str | None = None


class SignInFinish(Act, frozen=True, kw_only=True):
    """The end of a sign-in, or that it is not complete yet: then `waits_for` states why, and the call is repeated.

    `interval_seconds` is the time to wait before that. `account` is the account that signed in.
    """

    name: str
    progress: Progress = "waiting"
    waits_for: str | None = None
    interval_seconds: int | None = None
    account: str | None = None
    version: str | None = None
    expires: datetime | None = None

    @property
    def is_repeated(self) -> bool:
        """Whether the caller repeats the call until the person has signed in."""
        return self.progress == "waiting" and not self.dry_run

    @property
    def summary(self) -> str:
        """What was done or would be done, or what the call waits for."""
        return self.waits_for or " ".join([*self.would_do, *self.done])


class Person(msgspec.Struct, frozen=True):
    """The caller. `user_id` is the platform's ID of the account, to which a sign-in is bound."""

    name: str
    user_id: str


class StartOrder(msgspec.Struct, frozen=True):
    """The key, the method, and the caller of a start."""

    name: str
    method: Method
    by: Person
    dry_run: bool = False


class FinishOrder(msgspec.Struct, frozen=True):
    """The caller of a finish, and its options. `pasted` is the address of the last page, or the code in it.

    `force` allows another account, and a failure of the lock's storage.
    """

    state: str
    by: Person
    pasted: SecretText | None = None
    dry_run: bool = False
    force: bool = False
