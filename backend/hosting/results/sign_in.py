"""The sign-in of users to CIPP: why it does not work, and its repair."""

from typing import Literal

import msgspec

from backend.operations.results import Operation
from backend.values import Act, Value

SignInCauseName = Literal[
    "SignInOff",
    "SettingsDamaged",
    "AppDeleted",
    "SecretEnded",
    "ReferenceNotResolved",
    "CallbackMissing",
    "NoSuperadmin",
    "IpRule",
    "SecretLost",
]


class SignInCause(Value, frozen=True):
    """One cause for which users can't sign in to CIPP.

    - `present` is whether the cause was seen. `sign` is what was seen, and `cure` what to do.
    - `repairable`: `ExecBackendSignInRepair` can remove the cause. `needs_force`: only with `Force`.
    """

    cause: SignInCauseName
    present: Literal["yes", "no", "unknown"]
    sign: str
    cure: str
    repairable: bool
    needs_force: bool = False


class SignInState(Value, frozen=True):
    """Why users can't sign in to CIPP, the most severe cause first.

    `works` is None if no cause was seen, and one that would keep all users out is unknown.
    """

    works: bool | None
    causes: list[SignInCause]


class SignInStep(Value, frozen=True):
    """The repair of one cause. `script` is the PowerShell that an admin runs as themselves, if this app can't do it.

    `put_back` is how to undo the repair, if it is one for the time being.
    """

    cause: SignInCauseName
    outcome: Literal["repaired", "requested", "planned", "manual", "failed", "refused"]
    text: str
    script: str | None = None
    put_back: str | None = None


class SignInRepair(Act, frozen=True, kw_only=True):
    """A repair of CIPP's sign-in. `operation` continues after the response if its outcome is `running`."""

    steps: list[SignInStep]
    operation: Operation | None = None

    @property
    def continues(self) -> bool:
        """Whether Azure did not show the result of a repair yet."""
        return self.operation is not None and self.operation.is_running


class RenewedSecret(msgspec.Struct, frozen=True):
    """The result of a renewal of the secret of CIPP's sign-in.

    `is_failure`: it was due, and could not be renewed. `is_needed` is False if it was found to be able to sign in.
    """

    is_renewed: bool
    is_failure: bool
    text: str
    is_needed: bool = True
