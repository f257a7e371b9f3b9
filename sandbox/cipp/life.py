"""The life of CIPP's processes: starts, nightly checks, and the rows that they write, in the order of their times."""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sandbox import names
from sandbox.cipp import written
from sandbox.cipp.calendar import last_check, last_nightly, next_nightly, quarter, zone_of
from sandbox.cipp.keys import read_keys
from sandbox.cipp.process import Check, Process, stopped
from sandbox.cipp.sign_in import signs_in
from sandbox.registry.images import LATEST, is_cipps, tag_of
from sandbox.tables.cipps_tables import VERSION

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from sandbox.arm.site import Instance, Site
    from sandbox.azure import Azure
    from sandbox.registry.images import Image
    from sandbox.tables.rows import Row, Rows

_CHECK_TAKES: Final = timedelta(minutes=2)
_NIGHTS: Final = 3  # of a long jump of the clock, only the last are played: nothing changes between the others
_log = logging.getLogger("sandbox")


@dataclass(frozen=True)
class _Event:
    """Something that happens at a time of the sandbox."""

    at: datetime
    happen: "Callable[[Azure, Rows, datetime], Awaitable[None]]"


@dataclass
class Life:
    """All processes of one CIPP. `pending` rows are written at the next opportunity."""

    caught_up: datetime
    processes: dict[str, Process] = field(default_factory=dict)  # by site
    pending: "list[Row]" = field(default_factory=list)
    zone: "tzinfo | None" = None  # None: not read yet
    flag: bool = False  # certificate-only mode, as it was last read
    _sampled: datetime | None = None
    _seen_writes: dict[str, int] = field(default_factory=dict)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def catch_up(self, azure: "Azure", rows: "Rows") -> None:
        """Let everything happen that is due. If Azurite does not accept a row, it is written later."""
        async with self._one_at_a_time:
            while (event := await self._next(azure, rows)) is not None:
                self.caught_up = max(self.caught_up, event.at)
                await event.happen(azure, rows, event.at)
            self.caught_up = max(self.caught_up, azure.clock.now())
            self._sample(azure)
            try:
                while self.pending:
                    await rows.write(self.pending[0], azure.clock)
                    self.pending.pop(0)
            except OSError:
                _log.exception("CIPP's rows can't be written")

    def shown(self, azure: "Azure") -> list[dict[str, Any]]:
        """Return one object for each process, as `/sandbox/state` shows them."""
        return [
            self.processes[site.name].shown(azure) if site.name in self.processes else stopped(site.name)
            for site in cipps_sites(azure)
        ]

    def read_first(self, azure: "Azure", process: Process) -> None:
        """Let a process have the keys that the vault has, as if it had read them at its start."""
        self._read(azure, process)

    def read_again(self, azure: "Azure") -> None:
        """Let every process read its keys now, as after a restored state."""
        for process in self.processes.values():
            if process.held.keys:
                self._read(azure, process)

    def phase(self, azure: "Azure", site: str) -> str:
        """Return the phase of the process of a site."""
        process = self.processes.get(site)
        return process.phase(azure.clock.now()) if process else "Stopped"

    async def _next(self, azure: "Azure", rows: "Rows") -> "_Event | None":
        now = azure.clock.now()
        for site in cipps_sites(azure):
            running = site.running(now)
            known = self.processes.get(site.name)
            if not running and known is not None:
                del self.processes[site.name]
            if running and (known is None or known.instance != running[0].name):
                self.processes[site.name] = _begun(azure, site, running[0])
        due = [event for process in self.processes.values() for event in self._due(process, now)]
        if quarter(self.caught_up) != quarter(now):
            due += await self._nightly(azure, rows, now)
        return min(due, key=lambda event: event.at, default=None)

    def _due(self, process: Process, now: datetime) -> "Iterator[_Event]":
        if process.has_image and not process.is_ready and process.reads <= now:
            yield _Event(process.reads, partial(self._start, process))
        if process.check is not None and process.check.ends <= now:
            yield _Event(process.check.ends, partial(self._end_check, process))

    async def _nightly(self, azure: "Azure", rows: "Rows", now: datetime) -> "list[_Event]":
        if azure.options.old_cipp:
            return []
        zone = await self._zone(azure, rows)
        night = next_nightly(max(self.caught_up, now - timedelta(days=_NIGHTS)), zone)
        return [_Event(night, self._check)] if night <= now else []

    async def _check(self, azure: "Azure", rows: "Rows", at: datetime) -> None:
        """Read the keys again and sign in with them, in every process that runs timers."""
        await self._read_flag(rows)
        for process in self.processes.values():
            if process.site != names.OFFLOAD_SITE and process.is_ready and process.responds < at:
                self._read(azure, process)
                process.check = Check(at + _CHECK_TAKES, process.held, signs_in(azure, process.held, at))

    async def _end_check(self, process: Process, _azure: "Azure", _rows: "Rows", _at: datetime) -> None:
        if process.check is not None:
            self.pending.append(written.access_check(process.check))
            process.check = None

    async def _start(self, process: Process, azure: "Azure", rows: "Rows", at: datetime) -> None:
        """Read the keys, then write what a start writes."""
        await self._read_flag(rows)
        self._read(azure, process)
        process.is_ready = True
        if not process.image_tag:
            return
        self.zone = await self._read_zone(rows)
        current = await rows.read("VersionHistory", "Version", "Current")
        old = None if current is None else (str(current["Version"]), str(current["ImageTag"]))
        if old is None or old[0] != process.version:
            self.pending += written.version_rows(at, (process.version, process.image_tag), old)
        if not azure.options.no_instance_health:
            self.pending.append(written.boot(process.responds, process.version))

    def _read(self, azure: "Azure", process: Process) -> None:
        vault = azure.vaults.get(process.vault)
        process.held = read_keys(vault, process.principal, process.held, certificate_only=self.flag)

    async def _read_flag(self, rows: "Rows") -> None:
        """Read certificate-only mode, if someone changed it since the reset."""
        if self._changed(rows, "FeatureFlags"):
            row = await rows.read("FeatureFlags", "FeatureFlag", "CertificateAuthentication")
            self.flag = row is not None and str(row.get("Enabled", "")).lower() == "true"

    async def _zone(self, azure: "Azure", rows: "Rows") -> tzinfo:
        """Return the zone of CIPP's timers. A container keeps that of its start."""
        is_functions = azure.options.shape == "functions"
        if self.zone is None or (is_functions and self._changed(rows, "Config")):
            self.zone = await self._read_zone(rows)
        return self.zone

    async def _read_zone(self, rows: "Rows") -> tzinfo:
        self._changed(rows, "Config")
        row = await rows.read("Config", "TimeSettings", "TimeSettings")
        return zone_of(str((row or {}).get("Timezone", "")))

    def _changed(self, rows: "Rows", table: str) -> bool:
        """Return whether the table was written since the last call of this method."""
        before, self._seen_writes[table] = self._seen_writes.get(table), rows.writes(table)
        return before != self._seen_writes[table]

    def _sample(self, azure: "Azure") -> None:
        """Write the newest sample of each ready container, if there is a newer one."""
        if azure.options.shape != "container" or azure.options.no_instance_health:
            return
        now = azure.clock.now()
        newest = written.floored(now)
        ready = any(p.phase(now) == "Ready" and p.started + p.start * 1.5 <= newest for p in self.processes.values())
        if ready and newest != self._sampled:
            self._sampled = newest
            self.pending.append(written.sample(newest))


def cipps_sites(azure: "Azure") -> "list[Site]":
    """Return the apps that run CIPP: all except this app."""
    return [site for site in azure.arm.sites.values() if site.name != names.BACKEND_SITE and _is_cipp(azure, site)]


def _is_cipp(azure: "Azure", site: "Site") -> bool:
    if azure.options.shape == "functions":
        return site.name in (names.MAIN_SITE, names.OFFLOAD_SITE)
    return site.container


def _begun(azure: "Azure", site: "Site", instance: "Instance") -> Process:
    """Return the process of a new instance. A container pulls the image that its tag names now."""
    if not site.container:
        return Process(site.name, site.principal_id, _vault_of(site), instance.name, instance.started, VERSION)
    name = str(site.site_config["linuxFxVersion"])
    image = azure.registry.image(name)
    return Process(
        site.name,
        site.principal_id,
        _vault_of(site),
        instance.name,
        instance.started,
        version=image.version if image else LATEST,
        image_tag=image.tag if image else tag_of(name) or "latest",
        start=timedelta(seconds=azure.options.start_seconds),
        image=image,
        has_image=image is not None or not is_cipps(name),
    )


def _vault_of(site: "Site") -> str:
    """Return the vault that CIPP takes from its own name, or from the setting that replaces it."""
    return (site.app_settings.get("CIPP_KV_NAME") or site.name.partition("-")[0]).lower()


def seeded_life(azure: "Azure", image: "Image | None") -> Life:
    """Return the processes of a new seed: they have run for some hours, a container with this image."""
    now, options = azure.clock.now(), azure.options
    life = Life(now, flag=options.certificate_only)
    if options.certificate_only or options.shape == "container":
        life.pending.append(written.certificate_flag(enabled=options.certificate_only))
    if options.timezone or options.shape == "container":
        life.zone = zone_of(options.timezone)
        life.pending.append(written.time_zone_row(options.timezone or "UTC"))
    for site in cipps_sites(azure):
        for instance in site.running(now):
            process = _begun(azure, site, instance)
            process.is_ready = process.has_image
            life.processes[site.name] = process
            life.read_first(azure, process)
    if options.shape == "container":
        life.pending += _rows_of_the_seed(azure, life, image)
    return life


def _rows_of_the_seed(azure: "Azure", life: Life, image: "Image | None") -> "Iterator[Row]":
    """Yield the rows that a container wrote before the seed, and those that people wrote."""
    now, options = azure.clock.now(), azure.options
    yield from written.seeded_users()
    for process in life.processes.values():
        host = f"{process.site}.azurewebsites.net"
        yield written.address_row(host)
        if not options.sign_in_off:
            yield written.sign_in_row(host, process.started)
        yield from written.version_rows(process.started, (process.version, process.image_tag), None)
        yield written.update_settings(last_check(now), process.version, process.image_tag, image)
        if not options.no_instance_health:
            yield written.boot(process.responds, process.version)
        if not options.old_cipp:
            night = last_nightly(now - _CHECK_TAKES, life.zone or UTC)
            yield written.access_check(Check(night + _CHECK_TAKES, process.held, signs_in(azure, process.held, night)))
        break
