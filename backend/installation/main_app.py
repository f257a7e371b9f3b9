"""CIPP's main app as Azure shows it, and the shape of CIPP that follows from it.

Requires Microsoft.Web/sites/read and Microsoft.Web/sites/config/read on the app (Reader). Never run against real Azure.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import fetched
from backend.concurrency import background
from backend.concurrency.cached import MARGIN_SECONDS, Attempt, Cached
from backend.concurrency.deadline import Deadline
from backend.concurrency.seats import NOT_NEEDED, Seat, SeatsTakenError
from backend.errors import BackendError, NotFoundError
from backend.installation.installation import Deployment
from backend.installation.shape import Shape, may_be_container, shape_of
from backend.readings import Json, object_of, properties_of, text_of, text_or_none

# Plans of other tiers scale by themselves, or by rules of Azure Monitor, which are not read. Source:
# learn.microsoft.com, Azure App Service plans.
FIXED_TIERS: Final = ("free", "shared", "basic")
ID_PARTS: Final = 9  # of /subscriptions/../resourceGroups/../providers/Microsoft.Web/serverfarms/..
STALE_TIMES: Final = 2
RECENT_SECONDS: Final = 5.0  # the parts of one overview share a look
PAUSE_SECONDS: Final = 15.0
UNKNOWN_SECONDS: Final = 3.0  # how long an app counts as missing or unrecognized. Then it is read again.
_ADVICE: Final = (
    "Set CIPP_FUNCTION_APP to the name of CIPP's main app. If CIPP's resource group or subscription differs from this "
    "app's, also set CIPP_RESOURCE_GROUP and CIPP_SUBSCRIPTION_ID."
)


@dataclass(frozen=True)
class MainApp:
    """CIPP's main app. `site`, `web` (its `config/web`) and `plan` are the responses of ARM, {} if they were not read.

    Only for a container, `web` and `plan` are read.

    `error` states why the shape is unknown. If `exists` is None, that is unknown. `read` is when it was read, by the
    monotonic clock.
    """

    shape: Shape
    site: Json = field(default_factory=dict)
    web: Json = field(default_factory=dict)
    plan: Json = field(default_factory=dict)
    error: BackendError | None = None
    exists: bool | None = True
    read: float = field(default_factory=time.monotonic)

    @property
    def is_single(self) -> bool:
        """Whether the app certainly runs on one instance, by its plan and its own number of workers.

        Only plans that can't scale by themselves count, since others show one instance between two moments, too. If an
        admin has just scaled such a plan in, a row of CIPP's tables can still be of the instance that is gone.
        """
        workers = properties_of(self.web).get("numberOfWorkers")
        scales = properties_of(self.plan).get("elasticScaleEnabled") not in (None, False)
        sku = object_of(self.plan.get("sku"))
        is_fixed = text_of(sku.get("tier")).lower() in FIXED_TIERS and not scales
        return sku.get("capacity") == 1 and workers in (None, 1) and is_fixed

    @property
    def image(self) -> str | None:
        """The image of the container as in `linuxFxVersion`, None if it is unknown."""
        return text_or_none(properties_of(self.web).get("linuxFxVersion"))


NOT_READ: Final = MainApp(Shape.UNKNOWN, exists=None)  # without an error: Azure was not called


class MainAppInAzure:
    """The main app, with one cached result for all callers in this process. A failure is not cached.

    When the result is older than `discovery_lifetime_seconds`, it is read again while callers get the old one. So a
    CIPP that was migrated under the same name has its new shape at the next look.
    """

    def __init__(self, clients: Clients, deployment: Callable[[], Deployment]) -> None:
        self._clients = clients
        self._deployment = deployment
        self._begun: Attempt[MainApp] | None = None
        self._last_known: Shape | None = None
        self._seen = Cached(
            self._look,
            action="read CIPP's main app",
            lifetime=lambda seen: clients.limits.discovery_lifetime_seconds if seen.shape.is_known else UNKNOWN_SECONDS,
            abandoned_seconds=clients.limits.azure_deadline_seconds + MARGIN_SECONDS,
            may_be_stale=self._may_be_stale,
            survives_writes="the shape stays. `recent` reads the state again",
        )

    def seen(self, deadline: Deadline | None = None, seat: Seat = NOT_NEEDED) -> MainApp:
        """Return the main app, by default within `azure_deadline_seconds`. A failure is `error`.

        Raises:
            SeatsTakenError: The caller needs a seat to wait, and all seats are taken.
        """
        return self._seen_or_error(lambda: self._seen.get(deadline, seat=seat))

    def recent(self) -> MainApp:
        """Return the main app as it was within `RECENT_SECONDS`, and after the last write. A failure is `error`."""
        return self._seen_or_error(lambda: self._seen.get(max_age=RECENT_SECONDS, after_writes=True))

    @staticmethod
    def _seen_or_error(get: Callable[[], MainApp]) -> MainApp:
        try:
            return get()
        except SeatsTakenError:
            raise
        except BackendError as error:
            return MainApp(Shape.UNKNOWN, error=error, exists=None)

    def fresh(self, deadline: Deadline) -> MainApp:
        """Return the main app from a new call, and cache it for all callers.

        Raises:
            BackendError: Azure refused or timed out, or the deadline came first.
        """
        return self._seen.reload(deadline)

    def last_seen(self) -> MainApp | None:
        """Return the last result without waiting, None before the first or if it is much too old.

        It is read again if it is old, but not within `PAUSE_SECONDS` of a failure: any signed-in caller may cause this.
        """
        begun = self._begun
        if begun is None or not begun.failed or time.monotonic() - begun.ended > PAUSE_SECONDS:
            self._begun = self._seen.begin()
        seen = self._seen.peek()
        return seen if seen and (self._seen.is_fresh or self._may_be_stale(seen)) else None

    def last_known(self) -> Shape | None:
        """Return the last shape that this process knew, None if it never knew one. It never waits."""
        return self._last_known

    def _may_be_stale(self, seen: MainApp) -> bool:
        """Return whether callers get an expired result while it is read again. A much older one may be wrong by now."""
        age = time.monotonic() - seen.read
        return seen.shape.is_known and age < STALE_TIMES * self._clients.limits.discovery_lifetime_seconds

    def _look(self) -> MainApp:
        found = self._read()
        if found.shape.is_known:
            self._last_known = found.shape
        return found

    def _read(self) -> MainApp:
        deployment = self._deployment()
        subscription, group = deployment.group()
        name = deployment.main_app
        if not name:
            return MainApp(Shape.UNKNOWN, error=NotFoundError("CIPP's main app is unknown.", advice=_ADVICE))
        sites = self._clients.web(subscription).web_apps
        try:
            with while_trying_to(f"look up function app '{name}'"):
                site = fetched(sites.get, group, name)
        except NotFoundError as error:
            return MainApp(Shape.UNKNOWN, error=error, exists=False)
        kind = text_of(site.get("kind"))
        if not may_be_container(kind):
            shape = shape_of(kind, None)
            return MainApp(shape, site, error=None if shape.is_known else _unrecognized(name, kind, {}))
        plan = background.start(lambda: self._plan(site), name="read the plan")
        with while_trying_to(f"read the configuration of '{name}'"):
            web = fetched(sites.get_configuration, group, name)
        shape = shape_of(kind, text_or_none(properties_of(web).get("linuxFxVersion")))
        return MainApp(shape, site, web, plan.result(), None if shape.is_known else _unrecognized(name, kind, web))

    def _plan(self, site: Json) -> Json:
        """Return the plan of the site, which may be in another resource group. {} if it can't be read."""
        parts = text_of(properties_of(site).get("serverFarmId")).split("/")
        if len(parts) < ID_PARTS:
            return {}
        try:
            with while_trying_to("read the App Service plan"):
                return fetched(self._clients.web(parts[2]).app_service_plans.get, parts[4], parts[-1])
        except BackendError:
            return {}


def _unrecognized(name: str, kind: str, web: Json) -> BackendError:
    image = text_or_none(properties_of(web).get("linuxFxVersion"))
    shown = f"of kind '{kind}'" + (f" with linuxFxVersion '{image}'" if image else "")
    return BackendError(
        f"'{name}' is {shown}, which is neither a function app nor a container of CIPP.", advice=_ADVICE
    )
