"""CIPP in an unknown shape. Reads show what Azure shows of the apps. Writes are refused, because nothing is certain.

Only this app itself can be changed, since its own setting may be why CIPP was not found. The rotation still renews
keys, by the rules of the last known shape. Without one, it uses those of a container, which are the stricter ones.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Final, NoReturn

import msgspec

from backend.concurrency.deadline import Deadline
from backend.concurrency.made_once import made_once
from backend.errors import BackendError
from backend.hosting.shape_errors import UnknownShapeError
from backend.hosting.uptimes import Uptime, Uptimes, restart_them
from backend.installation.shape import Shape

if TYPE_CHECKING:
    from backend.cipp.key_reads import Sign
    from backend.hosting.hosting import (
        Apps,
        AppSettings,
        CippDomains,
        CippUsers,
        Code,
        Core,
        Domains,
        Frontend,
        Hosting,
        Migration,
        Processes,
        SignInSecret,
        UserRoles,
    )
    from backend.hosting.results.apps import Action, Consent, Control, Deployments, FunctionApp, Setting, SettingsAct
    from backend.hosting.results.domains import CippDomainList
    from backend.hosting.results.sign_in import SignInState
    from backend.hosting.results.static_web_app import Domain, Users
    from backend.hosting.results.users import BackendUsers
    from backend.hosting.results.versions import BackendVersions
    from backend.installation.needs import HostingNeeds
    from backend.installation.probes import Probe
    from backend.operations.results import Completer

_ONLY_STATIC_WEB_APP: Final = (
    "It is not certain whether CIPP runs as function apps or as a container. These are the domains of a static web app "
    "alone."
)
Cause = Callable[[], BackendError | None]
Refusal = Callable[..., NoReturn]


def hosting(reads: "Hosting", cause: Cause, last: "Callable[[], Hosting]", core: "Core") -> "Hosting":
    """Return the capabilities of CIPP in an unknown shape. `reads` does the reads, `cause` is why it is unknown.

    `last` returns the hosting of the last known shape, or that of a container.
    """
    return _UnknownHosting(reads, cause, last, core)


def _refusal(cause: Cause) -> Refusal:
    """Return a function that refuses a change, whatever its arguments are."""

    def refuse(*_: object, **__: object) -> NoReturn:
        error = cause()
        detail = "Couldn't change anything: it is not certain whether CIPP runs as function apps or as a container."
        if error is None:
            raise UnknownShapeError(detail, advice="Try again.")
        raise UnknownShapeError(f"{detail} {error.detail}", advice=error.advice, cause=error)

    return refuse


class _UnknownHosting:
    shape: Final = Shape.UNKNOWN

    def __init__(self, reads: "Hosting", cause: Cause, last: "Callable[[], Hosting]", core: "Core") -> None:
        self._reads = reads
        self._last = last
        self._core = core
        self._refuse = _refusal(cause)

    @made_once
    def apps(self) -> "_Apps":
        return _Apps(self._reads.apps, self._refuse)

    @made_once
    def settings(self) -> "_Settings":
        return _Settings(self._reads.settings, self._reads.apps, self._refuse)

    @made_once
    def code(self) -> "_Code":
        return _Code(self._reads.code, self._refuse)

    @made_once
    def versions(self) -> "_Versions":
        return _Versions(self._last, self._refuse)

    @property
    def frontend(self) -> "Frontend":
        return self._reads.frontend

    @made_once
    def domains(self) -> "_Domains":
        return _Domains(self._reads.domains, self._refuse)

    @made_once
    def cipp_domains(self) -> "_CippDomains":
        return _CippDomains(self._reads.cipp_domains, self._refuse)

    @made_once
    def users(self) -> "_Users":
        return _Users(self._reads.users, self._refuse)

    @made_once
    def cipp_users(self) -> "_CippUsers":
        return _CippUsers(self._reads.cipp_users, self._refuse)

    @made_once
    def invitations(self) -> "_Invitations":
        return _Invitations(self._refuse)

    @property
    def migration(self) -> "Migration":
        return self._reads.migration

    @made_once
    def sign_in(self) -> "_SignIn":
        return _SignIn(self._last, self._refuse)

    @made_once
    def processes(self) -> "_Processes":
        return _Processes(self._refuse, lambda: self._last().processes)

    @made_once
    def probes(self) -> "Sequence[Probe]":
        from backend.hosting.unknown.probes import probes

        return probes(self._core)

    @property
    def completers(self) -> "Mapping[str, Completer]":
        return {}

    @property
    def needs(self) -> "HostingNeeds":
        return self._reads.needs


def _is_this_app(apps: "Apps", name: str | None) -> bool:
    """Return whether a name is that of this app, which can be repaired whatever CIPP is."""
    return name is not None and any(
        app.answers_this and not app.is_main and app.name.lower() == name.lower() for app in apps.apps()
    )


class _Apps:
    def __init__(self, reads: "Apps", refuse: Refusal) -> None:
        self._functions = reads
        self.apps: Callable[[], list[FunctionApp]] = reads.apps
        self.addresses: Callable[[], str] = reads.addresses
        self._refuse = refuse

    def control(
        self, action: "Action", *, name: str | None, every: bool, dry_run: bool, consent: "Consent"
    ) -> "Control":
        if not every and _is_this_app(self._functions, name):
            return self._functions.control(action, name=name, every=every, dry_run=dry_run, consent=consent)
        return self._refuse()


class _Settings:
    def __init__(self, reads: "AppSettings", apps: "Apps", refuse: Refusal) -> None:
        self._functions = reads
        self._apps = apps
        self.settings: Callable[[str | None], list[Setting]] = reads.settings
        self._refuse = refuse

    def change(
        self, name: str | None, *, to_set: Mapping[str, str], remove: Sequence[str], dry_run: bool, consent: "Consent"
    ) -> "SettingsAct":
        if _is_this_app(self._apps, name):
            return self._functions.change(name, to_set=to_set, remove=remove, dry_run=dry_run, consent=consent)
        return self._refuse()


class _Code:
    def __init__(self, reads: "Code", refuse: Refusal) -> None:
        self.deployments: Callable[[str | None], Deployments] = reads.deployments
        self.sync: Refusal = refuse


class _Versions:
    """The versions by the last known shape. Nothing is changed."""

    def __init__(self, last: "Callable[[], Hosting]", refuse: Refusal) -> None:
        self._last = last
        self.set: Refusal = refuse

    def state(self) -> "BackendVersions":
        return self._last().versions.state()


class _Domains:
    def __init__(self, reads: "Domains", refuse: Refusal) -> None:
        self.domains: Callable[[], list[Domain]] = reads.domains
        self.add: Refusal = refuse
        self.remove: Refusal = refuse


class _CippDomains:
    def __init__(self, reads: "CippDomains", refuse: Refusal) -> None:
        self._functions = reads
        self.add: Refusal = refuse
        self.secure: Refusal = refuse
        self.remove: Refusal = refuse
        self.repair_sign_in: Refusal = refuse

    def domains(self, domain: str = "") -> "CippDomainList":
        found = self._functions.domains(domain)
        return msgspec.structs.replace(found, notes=[*found.notes, _ONLY_STATIC_WEB_APP])


class _Users:
    def __init__(self, reads: "UserRoles", refuse: Refusal) -> None:
        self.users: Callable[[], Users] = reads.users
        self.set_roles: Refusal = refuse
        self.remove: Refusal = refuse


class _CippUsers:
    def __init__(self, reads: "CippUsers", refuse: Refusal) -> None:
        self.users: Callable[[], BackendUsers] = reads.users
        self.set_roles: Refusal = refuse
        self.remove: Refusal = refuse


class _Invitations:
    def __init__(self, refuse: Refusal) -> None:
        self.invite: Refusal = refuse


class _SignIn:
    """The causes by the last known shape. Nothing is repaired."""

    def __init__(self, last: "Callable[[], Hosting]", refuse: Refusal) -> None:
        self._last = last
        self.repair: Refusal = refuse

    def state(self) -> "SignInState":
        return self._last().sign_in.state()


class _NoUptimes(Uptimes):
    def uptimes(self, deadline: Deadline | None = None) -> list[Uptime]:
        """Return [], which means unknown."""
        del deadline
        return []


class _Processes:
    restart_seconds: Final = 0.0
    zone_note: Final = ""
    uptimes: Final = _NoUptimes()

    def __init__(self, refuse: Refusal, last: "Callable[[], Processes]") -> None:
        self._last = last
        self.restart: Refusal = refuse

    @property
    def needs_flag(self) -> bool:
        return self._last().needs_flag

    @property
    def sign_in_secret(self) -> "SignInSecret | None":
        return self._last().sign_in_secret

    @property
    def signs(self) -> "Collection[Sign]":
        return ()

    def advice(self, names: Sequence[str], before: datetime | None = None) -> str:
        return restart_them(names, before)

    def next_read(self, now: datetime, zone: tzinfo) -> None:
        """Return None, which means unknown."""

    def reason_to_wait(self, *, updates: bool) -> str:
        del updates
        return "It is not certain whether CIPP runs as function apps or as a container, so it is not restarted."

    def pause(self, now: Callable[[], datetime], zone: Callable[[], tzinfo]) -> datetime | None:
        return self._last().pause(now, zone)

    def is_quiet(self, now: datetime, zone: tzinfo) -> bool:
        del now, zone
        return True
