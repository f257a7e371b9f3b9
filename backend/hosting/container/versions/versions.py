"""The versions of CIPP's image: what runs, what is configured, what the registry has, and what CIPP recorded.

Requires Reader on the site, and Storage Table Data Reader on CIPP's storage. Never run against a real CIPP or the real
registry.
"""

import re
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from backend.azure.clients import Clients
from backend.azure.public_web import PublicWeb
from backend.cipp.tables import CippTables
from backend.concurrency import background
from backend.concurrency.cached import Cached
from backend.concurrency.deadline import Deadline
from backend.errors import BackendError
from backend.hosting.container.image import Build, Container, ContainerImage, why_not_checked
from backend.hosting.container.updates.cipps_own import next_look, settings_of
from backend.hosting.container.updates.possible import Versions
from backend.hosting.container.updates.reference import CHANNELS, REGISTRY, REPOSITORY, ImageReference
from backend.hosting.container.updates.registry import NotComparableError, Registry
from backend.hosting.container.versions.change import VersionChanges
from backend.hosting.container.versions.history import newest_first, steps_of, version_to_go_back_to
from backend.hosting.container.versions.request import BRANCH, requested_tag
from backend.hosting.results.apps import Consent
from backend.hosting.results.versions import (
    BackendVersions,
    ConfiguredImage,
    ImageInRegistry,
    OwnUpdates,
    PublishedVersions,
    RunningVersion,
    VersionAct,
    VersionHistory,
    VersionWanted,
)
from backend.readings import text_of

if TYPE_CHECKING:
    from concurrent.futures import Future
    from datetime import timedelta

T = TypeVar("T")
LIFETIME_SECONDS: Final = 600.0  # of what the registry has
_TABLE_SECONDS: Final = 10.0
_NO_IMAGE: Final = "Azure does not show the image of the site, or not as DOCKER|<image>."
_OTHER_IMAGE: Final = f"CIPP's image is not of {REGISTRY}/{REPOSITORY}, and no other registry is called."
_LATE: Final = "It did not respond in time."


class ContainerVersions:
    """The service of the versions."""

    def __init__(self, clients: Clients, image: ContainerImage, tables: CippTables, changes: VersionChanges) -> None:
        self._changes = changes
        self._clients = clients
        self._image = image
        self._tables = tables
        self.registry: Final = Registry(PublicWeb(clients.limits))
        seconds = clients.limits.registry_timeout_seconds
        self._channels = {
            tag: Cached(
                partial(self.in_registry, ImageReference(REGISTRY, REPOSITORY, tag)),
                action="read the registry",
                lifetime=lambda seen: LIFETIME_SECONDS if seen.version else None,
                abandoned_seconds=seconds + 1,
            )
            for tag in CHANNELS
        }
        self._published = Cached(
            self._tags,
            action="list the tags of the registry",
            lifetime=lambda seen: None if seen.unknown else LIFETIME_SECONDS,
            abandoned_seconds=2 * seconds + 1,
        )

    def state(self) -> BackendVersions:
        """Return the versions. What can't be read is unknown, with its reason.

        Raises:
            BackendError: Azure did not return the container.
        """
        container = self._image.container()
        reference = container.reference
        running = background.start(partial(self._image.running, container), name="running version")
        history = background.start(self._image.rows.version_history, name="version history")
        deadline = Deadline.after(2 * self._clients.limits.registry_timeout_seconds)
        is_cipps = reference is not None and reference.is_cipps
        looks = {
            tag: background.start(partial(one.get, deadline), name="channel")
            for tag, one in self._channels.items()
            if is_cipps
        }
        own = None
        if reference and is_cipps and reference.tag not in CHANNELS:
            own = background.start(partial(self.in_registry, reference), name="image in the registry")
        published = background.start(partial(self._published.get, deadline), name="tags") if is_cipps else None
        build = _by(deadline, running, Build(why_unknown=_LATE))
        shown = RunningVersion(
            version=build.version or None,
            commit=build.commit or None,
            built=build.built,
            tag=build.tag or None,
            unknown=build.why_unknown or None,
        )
        channels = [_by(deadline, look, ImageInRegistry(tag=tag, unknown=_LATE)) for tag, look in looks.items()]
        in_registry = None
        if reference is not None:
            of_tag = next((one for one in channels if one.tag == reference.pointer), None)
            late = ImageInRegistry(tag=reference.pointer, unknown=_LATE if is_cipps else _OTHER_IMAGE)
            in_registry = _by(deadline, own, late) if own else of_tag or late
        unknown = PublishedVersions(unknown=_LATE if is_cipps else _OTHER_IMAGE if reference else _NO_IMAGE)
        versions = Versions(
            str(reference) if reference else "",
            running=shown.version or "",
            in_registry=(in_registry.version or "") if in_registry else "",
        )
        return BackendVersions(
            running=shown,
            configured=_configured(reference),
            in_registry=in_registry,
            channels=channels,
            published=_by(deadline, published, unknown) if published else unknown,
            updates=self._updates(container, versions),
            history=self._history(history, versions),
        )

    def set(self, wanted: VersionWanted, *, roll_back: bool, dry_run: bool, consent: Consent) -> VersionAct:
        """Set the version, as `VersionChanges.set` describes."""
        tag = requested_tag(wanted.channel, wanted.version)
        return self._changes.set(tag, roll_back=roll_back, dry_run=dry_run, consent=consent)

    def in_registry(self, reference: ImageReference) -> ImageInRegistry:
        """Return what the registry has of an image now. It never raises."""
        deadline = Deadline.after(self._clients.limits.registry_timeout_seconds)
        try:
            image = self.registry.image(reference, deadline)
        except NotComparableError as error:
            return ImageInRegistry(tag=reference.pointer, unknown=str(error))
        return ImageInRegistry(
            tag=reference.pointer,
            version=image.version,
            digest=image.digest or None,
            commit=image.commit or None,
            built=image.built,
        )

    def _tags(self) -> PublishedVersions:
        deadline = Deadline.after(2 * self._clients.limits.registry_timeout_seconds)
        try:
            tags = self.registry.tags(deadline)
        except NotComparableError as error:
            return PublishedVersions(unknown=str(error))
        return PublishedVersions(
            versions=newest_first(tags), branches=sorted(tag for tag in tags if re.fullmatch(BRANCH, tag))
        )

    def _updates(self, container: Container, versions: Versions) -> OwnUpdates:
        try:
            settings, zone = settings_of(self._image.rows.update_settings()), self._tables.zone()
        except BackendError as error:
            return OwnUpdates(unknown=str(error), note=self._image.own_update(container, versions, container.moment))
        checks = settings.updates_itself and not why_not_checked(container.reference)
        moment = next_look(settings, zone, container.moment) if checks else None
        local = moment.astimezone(zone) if moment and not self._tables.is_zone_unknown else None
        return OwnUpdates(
            automatic=settings.updates_itself,
            interval_hours=_hours(settings.interval),
            hour=settings.hour,
            last_check=settings.last_look,
            next_check=moment,
            next_check_local=f"{local:%Y-%m-%d %H:%M} {text_of(str(zone))}" if local else None,
            note=self._image.own_update(container, versions, container.moment),
        )

    @staticmethod
    def _history(reading: "Future[list[dict[str, object]]]", versions: Versions) -> VersionHistory:
        try:
            rows = background.by(Deadline.after(_TABLE_SECONDS), reading, what="read CIPP's table VersionHistory")
        except BackendError as error:
            return VersionHistory(unknown=str(error))
        steps = steps_of(rows)
        return VersionHistory(
            steps=steps, go_back_to=version_to_go_back_to(steps, versions.running, versions.in_registry)
        )


def _configured(reference: ImageReference | None) -> ConfiguredImage:
    if reference is None:
        return ConfiguredImage(unknown=_NO_IMAGE)
    return ConfiguredImage(
        image=str(reference),
        tag=reference.tag or None,
        digest=reference.digest or None,
        is_pinned=reference.is_pinned,
    )


def _hours(interval: "timedelta | None") -> int:
    """Return the hours of an interval, 0 if CIPP never checks."""
    return int(interval.total_seconds() // 3600) if interval else 0


def _by(deadline: Deadline, future: "Future[T]", default: T) -> T:
    try:
        return background.by(deadline.plus(1), future, what="read the versions")
    except BackendError:
        return default
