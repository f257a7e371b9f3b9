"""What the overview shows of CIPP's container: image, versions, pending update, health, last start and last sample."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from backend.azure.clients import Clients
from backend.concurrency import background
from backend.concurrency.deadline import Deadline
from backend.errors import BackendError
from backend.hosting.container.health import Health
from backend.hosting.container.image import ContainerImage
from backend.hosting.container.updates.cipps_rows import InstanceHealth
from backend.hosting.container.updates.possible import PossibleUpdate, Versions, possible_update
from backend.installation.main_app import MainApp
from backend.readings import properties_of, text_or_none

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")
_NOTHING: Final = InstanceHealth()


@dataclass(frozen=True)
class WebAppStatus:
    """The status of the container. What could not be read is unknown, and never an error.

    - `state` is the state in Azure, `image` the image with its tag.
    - `pending` is the update that a start may make, None if it certainly makes none.
    - `is_pinned` is whether the image is outside CIPP's channels, so that CIPP does not update itself.
    - `started` and `sampled` are from CIPP's table InstanceHealth, which not every version has. `version_since` is the
      first start of the present version, which CIPP recorded.
    - `runs_jobs` is whether CIPP's background jobs run, None if it is unknown.
    """

    state: str | None
    image: str | None
    is_pinned: bool
    versions: Versions
    pending: PossibleUpdate | None
    own_update: str
    health: Health
    started: datetime | None
    sampled: datetime | None
    runs_jobs: bool | None
    version_since: datetime | None = None


class WebApp:
    """The service of the status. Requires Reader on the site, and Storage Table Data Reader on CIPP's storage."""

    def __init__(self, clients: Clients, image: ContainerImage) -> None:
        self._clients = clients
        self._image = image

    def status(self, app: MainApp, deadline: Deadline, now: datetime | None = None) -> WebAppStatus:
        """Return the status of the main app as it was read, by the deadline. It never raises."""
        now = now or datetime.now(UTC)
        container = self._image.of(app.site, app.web, now)
        site = self._image.health(container)
        looking = background.start(partial(site.look, deadline), name="health") if site else None
        rows = background.start(partial(self._image.rows.instance_health, now), name="instance health")
        versions = self._image.remembered_versions(container, deadline)
        own = background.start(partial(self._image.own_update, container, versions, now), name="own update")
        unknown = Health(is_up=None, unexpected="Azure does not show the host name of its site")
        seen = _by(deadline, rows, _NOTHING)
        return WebAppStatus(
            state=text_or_none(properties_of(app.site).get("state")),
            image=str(container.reference) if container.reference else None,
            is_pinned=container.reference is not None and container.reference.is_pinned,
            versions=versions,
            pending=possible_update(versions),
            own_update=_by(deadline, own, "When CIPP updates itself is unknown."),
            health=_by(deadline, looking, Health(is_up=False)) if looking else unknown,
            started=seen.started,
            sampled=seen.sampled,
            runs_jobs=seen.runs_jobs(now),
            version_since=seen.version.since if seen.version else None,
        )


def _by(deadline: Deadline, future: "Future[T]", default: T) -> T:
    """Return the future's value, or the default if it failed or takes longer."""
    try:
        return background.by(deadline, future, what="read CIPP's container")
    except BackendError:
        return default
