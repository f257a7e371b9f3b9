"""What CIPP as function apps lacks. Reads get an empty result with the reason, and writes are refused."""

from functools import partial
from typing import TYPE_CHECKING, Final

from backend.hosting.results.sign_in import SignInState
from backend.hosting.results.versions import BackendVersions
from backend.hosting.shape_errors import absent
from backend.installation.shape import Shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backend.hosting.hosting import RenewSecret
    from backend.hosting.results.apps import Consent
    from backend.hosting.results.sign_in import SignInCauseName, SignInRepair
    from backend.hosting.results.versions import VersionAct, VersionWanted

_NO_SIGN_IN: Final = "CIPP runs as function apps. Its static web app signs users in, without a secret of CIPP."
_NO_IMAGE: Final = "CIPP runs as function apps, which are deployed from a fork. They have no image."
_FORK: Final = "ListFunctionAppDeployments shows the version. ExecFunctionAppDeploymentSync deploys the newest code."
_STATIC_WEB_APP: Final = "ListStaticWebApp shows the static web app, and ListStaticWebAppUsers its users."
_absent: Final = partial(absent, Shape.FUNCTIONS)


class NoSignIn:
    """No sign-in of CIPP's own."""

    def state(self) -> SignInState:
        """Raise the error without causes."""
        raise _absent(_NO_SIGN_IN, _STATIC_WEB_APP, SignInState(works=None, causes=[]))

    def repair(
        self,
        causes: "Sequence[SignInCauseName] | None",
        renew: "RenewSecret",
        *,
        dry_run: bool,
        force: bool,
        by: str = "",
    ) -> "SignInRepair":
        """Refuse."""
        del causes, renew, dry_run, force, by
        raise _absent(_NO_SIGN_IN, _STATIC_WEB_APP)


class NoVersions:
    """No versions of an image."""

    def state(self) -> BackendVersions:
        """Raise the error with no versions."""
        raise _absent(_NO_IMAGE, _FORK, BackendVersions())

    def set(self, wanted: "VersionWanted", *, roll_back: bool, dry_run: bool, consent: "Consent") -> "VersionAct":
        """Refuse."""
        del wanted, roll_back, dry_run, consent
        raise _absent(_NO_IMAGE, _FORK)
