"""What the API shows of the versions of CIPP's image, and of a change of the version."""

from datetime import datetime

import msgspec

from backend.operations.results import Operation
from backend.values import Act, Value


class RunningVersion(Value, frozen=True):
    """The build that runs, as CIPP's own site shows it. `unknown` is the reason if the version is null."""

    version: str | None = None
    commit: str | None = None
    built: datetime | None = None
    tag: str | None = None
    unknown: str | None = None


class ConfiguredImage(Value, frozen=True):
    """The image of the site. `tag` is null if it is pinned by digest. `unknown` is the reason if `image` is null.

    `is_pinned` is whether it is outside CIPP's channels, so that a start installs no newer version.
    """

    image: str | None = None
    tag: str | None = None
    digest: str | None = None
    is_pinned: bool = False
    unknown: str | None = None


class ImageInRegistry(Value, frozen=True):
    """What the registry has of one tag or digest. `unknown` is the reason if the version is null."""

    tag: str
    version: str | None = None
    digest: str | None = None
    commit: str | None = None
    built: datetime | None = None
    unknown: str | None = None


class PublishedVersions(Value, frozen=True):
    """The tags of CIPP's repository: released versions and the tags of branches, the newest version first.

    `unknown` is the reason if both are empty.
    """

    versions: list[str] = []  # noqa: RUF012 - msgspec copies the default
    branches: list[str] = []  # noqa: RUF012 - msgspec copies the default
    unknown: str | None = None


class OwnUpdates(Value, frozen=True):
    """CIPP's settings of its updates, which its own page changes. `next_check` is null if CIPP does not check.

    `next_check_local` is the same time in CIPP's time zone. `note` states what the check would do. `unknown` is the
    reason if the settings can't be read.
    """

    automatic: bool | None = None
    interval_hours: int | None = None
    hour: int | None = None
    last_check: datetime | None = None
    next_check: datetime | None = None
    next_check_local: str | None = None
    note: str = ""
    unknown: str | None = None


class VersionStep(Value, frozen=True):
    """A change of the version that CIPP recorded at a start."""

    before: str
    after: str
    recorded: datetime | None


class VersionHistory(Value, frozen=True):
    """The changes that CIPP recorded, the newest first. `go_back_to` is the released version that ran before.

    `unknown` is the reason if CIPP's table can't be read.
    """

    steps: list[VersionStep] = []  # noqa: RUF012 - msgspec copies the default
    go_back_to: str | None = None
    unknown: str | None = None


class BackendVersions(Value, frozen=True):
    """The versions of CIPP as a container. What is unknown has its reason, and everything else is shown."""

    running: RunningVersion = RunningVersion()
    configured: ConfiguredImage = ConfiguredImage()
    in_registry: ImageInRegistry | None = None
    channels: list[ImageInRegistry] = []  # noqa: RUF012 - msgspec copies the default
    published: PublishedVersions = PublishedVersions()
    updates: OwnUpdates = OwnUpdates()
    history: VersionHistory = VersionHistory()


class VersionAct(Act, frozen=True, kw_only=True):
    """A change of CIPP's image. `copy` names the copy of CIPP's small tables that was made before."""

    image_before: str | None = None
    image_after: str | None = None
    version_before: str | None = None
    version_after: str | None = None
    copy: str | None = None
    operation: Operation | None = None

    @property
    def continues(self) -> bool:
        """Whether CIPP is still starting."""
        return self.operation is not None and self.operation.is_running


class VersionWanted(msgspec.Struct, frozen=True):
    """The channel or the version that a request names. Exactly one must be given."""

    channel: str | None
    version: str | None
