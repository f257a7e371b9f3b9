"""The image of CIPP's container: which version runs, which one a start would pull, and when CIPP updates itself.

Requires Reader on the site. The version that runs is read from CIPP's own site without sign-in, and that of the tag
from CIPP's registry. Never run against a real CIPP or the real registry.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.public_web import NoResponseError, PublicWeb
from backend.azure.sdk_json import fetched
from backend.cipp.tables import CippTables
from backend.concurrency import background
from backend.concurrency.cached import Cached
from backend.concurrency.deadline import Deadline
from backend.errors import AzureUnreachableError, BackendError
from backend.hosting.container.health import SiteHealth
from backend.hosting.container.site_address import address_of
from backend.hosting.container.updates.cipps_own import next_look, settings_of
from backend.hosting.container.updates.cipps_rows import CippsRows
from backend.hosting.container.updates.possible import PossibleUpdate, Versions, possible_update
from backend.hosting.container.updates.reference import REGISTRY, ImageReference, reference_of
from backend.hosting.container.updates.registry import NotComparableError, Registry
from backend.installation.discovery import Discovery
from backend.readings import Json, http_time_or_none, properties_of, text_of, text_or_none, time_or_none

if TYPE_CHECKING:
    from concurrent.futures import Future

_VERSION: Final = r"[A-Za-z0-9][A-Za-z0-9.+_-]{0,127}"
_COMMIT: Final = r"[0-9a-fA-F]{7,64}"
_NO_ADDRESS: Final = "Azure does not show the host name of CIPP's site."
_OK: Final = 200
_REGISTRY_LIFETIME_SECONDS: Final = 300.0  # of a version for the overview. A start always reads it again
_MARGIN_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Container:
    """The container as it was read from Azure just now. `moment` is Azure's time of that."""

    site: Json = field(repr=False)
    reference: ImageReference | None
    address: str | None
    moment: datetime


@dataclass(frozen=True)
class Build:
    """The version that runs, "" if it is unknown. `why_unknown` is then a sentence."""

    version: str = ""
    why_unknown: str = ""
    commit: str = ""
    tag: str = ""
    built: datetime | None = None


class ContainerImage:
    """The service of the image."""

    def __init__(self, clients: Clients, discovery: Discovery, tables: CippTables) -> None:
        self._clients = clients
        self._discovery = discovery
        self._tables = tables
        self._web = PublicWeb(clients.limits)
        self._registry = Registry(self._web)
        self._remembered: dict[ImageReference, Cached[Versions]] = {}
        self.rows: Final = CippsRows(clients)

    def container(self) -> Container:
        """Return the container as Azure shows it now.

        Raises:
            BackendError: Azure did not return it.
        """
        deployment = self._discovery.deployment()
        subscription, group = deployment.group()
        name = deployment.main_app or ""
        sites = self._clients.web(subscription).web_apps
        dates: list[object] = []
        with while_trying_to(f"read '{name}'"):
            site = fetched(
                sites.get, group, name, hook=lambda response: dates.append(response.http_response.headers.get("Date"))
            )
        with while_trying_to(f"read the configuration of '{name}'"):
            web = fetched(sites.get_configuration, group, name)
        moment = http_time_or_none(dates[-1]) if dates else None
        return self.of(site, web, moment or datetime.now(UTC))

    def of(self, site: Json, web: Json, moment: datetime) -> Container:
        """Return the container of a site and its `config/web`, as Azure returned them."""
        return Container(
            site,
            reference_of(text_or_none(properties_of(web).get("linuxFxVersion"))),
            address_of(site, self._clients.cloud.site_suffix),
            moment,
        )

    def health(self, container: Container) -> SiteHealth | None:
        """Return the service of the container's health, None if its address is unknown."""
        return SiteHealth(self._web, container.address) if container.address else None

    def running(self, container: Container) -> Build:
        """Return the version that runs, from CIPP's own site. It never raises."""
        if container.address is None:
            return Build(why_unknown=_NO_ADDRESS)
        try:
            response = self._web.get(f"{container.address}/version.json", deadline=self._deadline())
        except NoResponseError as error:
            return Build(why_unknown=f"The running version is unknown, because CIPP does not respond: {error}.")
        # While CIPP starts, a page of the same address is HTML. `json` returns {} for it.
        version = text_of(response.json().get("version")).strip()
        if response.status != _OK or not re.fullmatch(_VERSION, version):
            why = f"CIPP's site responded with {response.status} and without a version"
            return Build(why_unknown=f"The running version is unknown: {why}.")
        shown = response.json()
        commit, tag = text_of(shown.get("commit")), text_of(shown.get("tag"))
        return Build(
            version,
            commit=commit if re.fullmatch(_COMMIT, commit) else "",
            tag=tag if re.fullmatch(_VERSION, tag) else "",
            built=time_or_none(shown.get("buildDate")),
        )

    def versions(self, container: Container) -> Versions:
        """Return what runs and what a start would pull, read now. It never raises."""
        running = background.start(partial(self.running, container), name="running version")
        registry = self._in_registry(container.reference)
        build = _result(running, self._deadline())
        return _with(registry, build)

    def remembered_versions(self, container: Container, deadline: Deadline) -> Versions:
        """Return the same for an overview. What the registry has may be five minutes old. It never raises."""
        running = background.start(partial(self.running, container), name="running version")
        reference = container.reference
        registry = self._in_registry(None)
        if reference is not None:
            try:
                registry = self._cached(reference).get(deadline)
            except BackendError:
                registry = Versions(str(reference), why_unknown="The registry did not respond in time.")
        return _with(registry, _result(running, min(deadline, self._deadline())))

    def look(self) -> PossibleUpdate | None:
        """Return the update that a start now may make, None if it certainly makes none. It never raises."""
        try:
            container = self.container()
        except BackendError as error:
            return possible_update(Versions(why_unknown=str(error)))
        return possible_update(self.versions(container))

    def possible_update(self) -> str | None:
        """Return why a start may update CIPP, as a sentence, None if it certainly does not. It never raises."""
        possible = self.look()
        return possible.reason if possible else None

    def own_update(self, container: Container, versions: Versions, now: datetime) -> str:
        """Return when CIPP looks for an update by itself, and what it would do, as sentences. It never raises."""
        if reason := why_not_checked(container.reference):
            return reason
        try:
            settings = settings_of(self.rows.update_settings())
            zone = self._tables.zone()
        except BackendError as error:
            return f"When CIPP updates itself is unknown. {error}"
        if not settings.updates_itself:
            return "CIPP does not update itself: its automatic updates are off."
        if settings.interval is None:
            return "CIPP does not update itself: its check for updates is off."
        moment = next_look(settings, zone, now)
        if moment is None:
            return "When CIPP updates itself is unknown: its last check has a time in the future."
        doubt = " CIPP's time zone is unknown, so UTC was used." if self._tables.is_zone_unknown else ""
        local = f", {moment.astimezone(zone):%H:%M} in CIPP's time zone" if not doubt else ""
        effect = "then updates itself if the version in the registry differs"
        if versions.in_registry and versions.running:
            differs = versions.in_registry != versions.running
            effect = f"then updates itself to {versions.in_registry}" if differs else "has no update to install now"
        return f"CIPP looks for an update next at {moment:%Y-%m-%d %H:%M} UTC{local}, and {effect}.{doubt}"

    def _in_registry(self, reference: ImageReference | None) -> Versions:
        if reference is None:
            return Versions(why_unknown="Azure does not show the image of the site, or not as DOCKER|<image>.")
        try:
            image = self._registry.image(reference, self._deadline())
        except NotComparableError as error:
            return Versions(str(reference), why_unknown=str(error))
        return Versions(str(reference), in_registry=image.version)

    def _cached(self, reference: ImageReference) -> "Cached[Versions]":
        made = self._remembered.get(reference)
        if made is None:
            made = Cached(
                partial(self._in_registry, reference),
                action="read the registry",
                lifetime=lambda seen: _REGISTRY_LIFETIME_SECONDS if seen.in_registry else None,
                abandoned_seconds=self._clients.limits.registry_timeout_seconds + _MARGIN_SECONDS,
                survives_writes="this app only reads the registry",
            )
            self._remembered = {reference: made}  # one image: a container has no other
        return made

    def _deadline(self) -> Deadline:
        return Deadline.after(self._clients.limits.registry_timeout_seconds)


def why_not_checked(reference: ImageReference | None) -> str:
    """Return why CIPP's own check for updates does not apply to an image, "" if it does.

    By CIPP's source, it looks only for images of ghcr.io, and can't take a reference with a digest apart.
    """
    if reference is None:
        return "When CIPP updates itself is unknown: Azure does not show its image."
    if reference.host != REGISTRY:
        return f"CIPP does not update itself: it looks for updates at {REGISTRY} only."
    return (
        "CIPP does not update itself: its check for updates fails while its image is pinned by digest."
        if reference.digest
        else ""
    )


def _with(registry: Versions, build: Build) -> Versions:
    return Versions(
        registry.image,
        running=build.version,
        in_registry=registry.in_registry,
        why_unknown=registry.why_unknown,
        why_not_running=build.why_unknown,
    )


def _result(running: "Future[Build]", deadline: Deadline) -> Build:
    try:
        return background.by(deadline, running, what="read the running version")
    except AzureUnreachableError:
        return Build(why_unknown="The running version is unknown, because CIPP did not respond in time.")
