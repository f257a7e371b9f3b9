"""The life of CIPP's processes: starts, nightly checks, and the rows that they write, in the order of their times."""

import asyncio
import logging
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sandbox import names
from sandbox.arm.site_document import host_name
from sandbox.cipp import written
from sandbox.cipp.calendar import last_check, last_nightly, next_hour, next_nightly, next_weekly, quarter, zone_of
from sandbox.cipp.keys import read_keys
from sandbox.cipp.process import Check, Process, stopped
from sandbox.cipp.sign_in import signs_in
from sandbox.cipp.unready_starts import UnreadyStarts
from sandbox.cipp.update_check import is_due, restarts
from sandbox.cipp.weekly_run import make_first_certificate, weekly_run
from sandbox.clouds import CLOUDS
from sandbox.registry.images import LATEST, is_cipps, tag_of
from sandbox.tables.cipps_tables import VERSION

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from sandbox.arm.site import Instance, Site
    from sandbox.azure import Azure
    from sandbox.registry.images import Image
    from sandbox.tables.rows import Row, Rows

_CHECK_TAKES: Final = timedelta(minutes=2)
_JUMP: Final = timedelta(days=3)  # of a longer one of the clock, only the end is played: nothing changes before it
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
    ended: list[tuple[Process, datetime]] = field(default_factory=list)  # and when each one ended
    pending: "dict[tuple[str, str, str], Row]" = field(default_factory=dict)
    zone: "tzinfo | None" = None  # None: not read yet
    flag: bool = False  # certificate-only mode, as it was last read
    _unready: UnreadyStarts = field(default_factory=UnreadyStarts)
    _sampled: datetime | None = None
    _settings: dict[str, Any] = field(default_factory=dict)  # of the check for updates, as they were last read
    _table_zone: "tzinfo" = UTC  # as the table had it when it was last read
    _seen_writes: dict[str, int] = field(default_factory=dict)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    _has_ended: bool = False

    async def end(self) -> None:
        """Let nothing happen any more, once what happens now is over. Otherwise it could write rows after a reset."""
        async with self._one_at_a_time:
            self._has_ended = True

    async def catch_up(self, azure: "Azure", rows: "Rows") -> None:
        """Let everything happen that is due. If Azurite does not accept a row, it is written later."""
        async with self._one_at_a_time:
            if self._has_ended:
                return
            try:
                while (event := await self._next(azure, rows)) is not None:
                    self.caught_up = max(self.caught_up, event.at)
                    await event.happen(azure, rows, event.at)
                self.caught_up = max(self.caught_up, azure.clock.now())
                self._sample(azure)
                tables = {row.table for row in self.pending.values()}
                await asyncio.gather(*(self._write(table, azure, rows) for table in tables))
            except OSError:
                _log.exception("CIPP's rows can't be read or written")

    def shown(self, azure: "Azure") -> list[dict[str, Any]]:
        """Return one object for each process, as `/sandbox/state` shows them."""
        return [
            self.processes[site.name].shown(azure) if site.name in self.processes else stopped(site.name)
            for site in cipps_sites(azure)
        ]

    def put(self, *written_rows: "Row") -> None:
        """Write these rows at the next opportunity. A row replaces an earlier one that is not written yet."""
        self.pending |= {(row.table, row.partition, row.key): row for row in written_rows}

    def read_first(self, azure: "Azure", process: Process) -> None:
        """Let a process have the keys that the vault has, as if it had read them at its start."""
        self._read(azure, process)

    def read_again(self, azure: "Azure") -> None:
        """Let every process read its keys now, as after a restored state."""
        for process in self.processes.values():
            if process.loaded.keys:
                self._read(azure, process)

    def phase(self, azure: "Azure", site: str) -> str:
        """Return the phase of the process of a site."""
        process = self.processes.get(site)
        return process.phase(azure.clock.now()) if process else "Stopped"

    async def _write(self, table: str, azure: "Azure", rows: "Rows") -> None:
        """Write the pending rows of one table."""
        for key, row in [(key, row) for key, row in self.pending.items() if row.table == table]:
            await rows.write(row, azure.clock)
            del self.pending[key]

    async def _next(self, azure: "Azure", rows: "Rows") -> "_Event | None":
        now = azure.clock.now()
        for site in cipps_sites(azure):
            running = site.running(now)
            known = self.processes.get(site.name)
            if known is not None and (not running or known.instance != running[0].name):
                end = running[0].started if running else now
                self._unready.ended(known, end)
                self.ended.append((known, end))
                del self.processes[site.name]
            if running and site.name not in self.processes:
                process = _begun(azure, site, running[0])
                process.is_quiet = self._unready.is_quiet(process)
                self.processes[site.name] = process
        due = [event for process in self.processes.values() for event in self._due(process, now)]
        if quarter(self.caught_up) != quarter(now):
            due += await self._timers(azure, rows, now)
        return min(due, key=lambda event: event.at, default=None)

    def _due(self, process: Process, now: datetime) -> "Iterator[_Event]":
        if process.can_start and not process.is_ready and process.reads <= now:
            yield _Event(process.reads, partial(self._start, process))
        if process.check is not None and process.check.ends <= now:
            yield _Event(process.check.ends, partial(self._end_check, process))

    async def _timers(self, azure: "Azure", rows: "Rows", now: datetime) -> "list[_Event]":
        """Return the next event of each of CIPP's timers. With its own jobs, no night of a long jump is left out."""
        options, zone = azure.options, await self._zone(azure, rows)
        since, jump = self.caught_up, now - self.caught_up
        if jump > _JUMP and not options.cipp_jobs:
            since = now - _JUMP
        timers: list[_Event] = []
        if not options.old_cipp:
            timers.append(_Event(next_nightly(since, zone), self._check))
        if options.cipp_jobs:
            timers.append(_Event(next_weekly(since, zone), self._run_week))
        if options.cipp_jobs and has_container(azure):
            timers.append(_Event(next_hour(max(since, now - _JUMP)), self._look_for_update))
        first = min((timer.at for timer in timers if timer.at <= now), default=None)
        return [] if first is None else [_Event(first, _all([timer for timer in timers if timer.at == first]))]

    async def _run_week(self, azure: "Azure", rows: "Rows", at: datetime) -> None:
        del rows
        reconciles = not (azure.options.old_cipp or azure.options.no_reconcile)
        for process in list(self.processes.values()):
            if process.site != names.OFFLOAD_SITE and process.phase(at) == "Ready" and process.is_ready:
                weekly_run(azure, process, at, reconciles=reconciles)
                break

    async def _look_for_update(self, azure: "Azure", rows: "Rows", at: datetime) -> None:
        """Check for an update, and restart for one. The check is skipped at most hours."""
        if self._changed(rows, "ContainerUpdateSettings"):
            self._settings = await rows.read("ContainerUpdateSettings", "Settings", "UpdateConfig") or {}
        for site in cipps_sites(azure):
            process = self.processes.get(site.name)
            name = str(site.site_config["linuxFxVersion"])
            image = azure.registry.image(name)
            zone = await self._read_zone(rows)
            if process is None or process.phase(at) != "Ready" or not is_due(self._settings, at, zone):
                continue
            row = written.update_settings(at, process.version, tag_of(name), image if tag_of(name) else None)
            self._settings = {**(row.columns or {}), **_chosen(self._settings)}
            self.put(replace(row, columns=self._settings))
            if self._settings["UpdateAvailable"] == "True" and restarts(self._settings):
                site.restart(at)

    async def _check(self, azure: "Azure", rows: "Rows", at: datetime) -> None:
        """Read the keys again and sign in with them, in every process that runs timers."""
        await self._read_flag(rows)
        for process in self.processes.values():
            if process.site != names.OFFLOAD_SITE and process.is_ready and process.responds < at:
                self._read(azure, process)
                process.check = Check(at + _CHECK_TAKES, process.loaded, signs_in(azure, process.loaded, at))

    async def _end_check(self, process: Process, _azure: "Azure", _rows: "Rows", _at: datetime) -> None:
        if process.check is not None:
            self.put(written.access_check(process.check))
            process.check = None

    async def _start(self, process: Process, azure: "Azure", rows: "Rows", at: datetime) -> None:
        """Read the keys, then write what a start writes."""
        await self._read_flag(rows)
        self._read(azure, process)
        process.is_ready = True
        if not process.image_tag:
            return
        make_first_certificate(azure, process, at)
        self.zone = await self._read_zone(rows)
        current = await rows.read("VersionHistory", "Version", "Current")
        old = None if current is None else (str(current["Version"]), str(current["ImageTag"]))
        if old is None or old[0] != process.version:
            self.put(*written.version_rows(at, (process.version, process.image_tag), old))
        if not azure.options.no_instance_health:
            self.put(written.boot(process.responds, process.version))

    def _read(self, azure: "Azure", process: Process) -> None:
        vault = azure.vaults.get(process.vault)
        process.loaded = read_keys(vault, process.principal, process.loaded, certificate_only=self.flag)

    async def _read_flag(self, rows: "Rows") -> None:
        """Read certificate-only mode, if someone changed it since the reset."""
        if self._changed(rows, "FeatureFlags"):
            row = await rows.read("FeatureFlags", "FeatureFlag", "CertificateAuthentication")
            self.flag = row is not None and str(row.get("Enabled", "")).lower() == "true"

    async def _zone(self, azure: "Azure", rows: "Rows") -> tzinfo:
        """Return the zone of CIPP's timers. A container keeps that of its start."""
        if self.zone is None or not has_container(azure):
            self.zone = await self._read_zone(rows)
        return self.zone

    async def _read_zone(self, rows: "Rows") -> tzinfo:
        if self._changed(rows, "Config"):
            row = await rows.read("Config", "TimeSettings", "TimeSettings")
            self._table_zone = zone_of(str((row or {}).get("Timezone", "")))
        return self._table_zone

    def _changed(self, rows: "Rows", table: str) -> bool:
        """Return whether the table was written since the last call of this method."""
        before, self._seen_writes[table] = self._seen_writes.get(table), rows.writes(table)
        return before != self._seen_writes[table]

    def _sample(self, azure: "Azure") -> None:
        """Write the newest sample of each ready container, if there is a newer one."""
        if azure.options.no_instance_health or not has_container(azure):
            return
        now = azure.clock.now()
        newest = written.floored(now)
        ready = any(p.phase(now) == "Ready" and p.started + p.start * 1.5 <= newest for p in self.processes.values())
        if ready and newest != self._sampled:
            self._sampled = newest
            self.put(written.sample(newest))


def cipps_sites(azure: "Azure") -> "list[Site]":
    """Return the apps that run CIPP: all except this app."""
    return [site for site in azure.arm.sites.values() if site.name != names.BACKEND_SITE and _is_cipp(azure, site)]


def _is_cipp(azure: "Azure", site: "Site") -> bool:
    if has_container(azure):
        return site.container
    return site.name in (names.MAIN_SITE, names.OFFLOAD_SITE)


def has_container(azure: "Azure") -> bool:
    """Return whether CIPP is a container, or was migrated to one."""
    return any(site.container for site in azure.arm.sites.values())


def _all(timers: "list[_Event]") -> "Callable[[Azure, Rows, datetime], Awaitable[None]]":
    """Return what happens if all of these timers fire at the same time."""

    async def happen(azure: "Azure", rows: "Rows", at: datetime) -> None:
        for timer in timers:
            await timer.happen(azure, rows, at)

    return happen


def _chosen(settings: dict[str, Any]) -> dict[str, Any]:
    """Return what an admin chose."""
    return {name: settings[name] for name in ("AutoUpdate", "CheckInterval", "CheckTime") if name in settings}


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
        pulled=name.partition("|")[2],
        is_broken=image is not None and image.version == azure.options.broken,
    )


def _vault_of(site: "Site") -> str:
    """Return the vault that CIPP takes from its own name, or from the setting that replaces it."""
    return (site.app_settings.get("CIPP_KV_NAME") or site.name.partition("-")[0]).lower()


def seeded_life(azure: "Azure", image: "Image | None") -> Life:
    """Return the processes of a new seed: they have run for some hours, a container with this image."""
    now, options = azure.clock.now(), azure.options
    life = Life(now, flag=options.certificate_only)
    if options.certificate_only or options.shape == "container":
        life.put(written.certificate_flag(enabled=options.certificate_only))
    if options.timezone or options.shape == "container":
        life.zone = zone_of(options.timezone)
        life.put(written.time_zone_row(options.timezone or "UTC"))
    for site in cipps_sites(azure):
        for instance in site.running(now):
            process = _begun(azure, site, instance)
            process.is_ready = process.can_start
            life.processes[site.name] = process
            life.read_first(azure, process)
    if options.shape == "container":
        life.put(*_rows_of_the_seed(azure, life, image))
    return life


def _rows_of_the_seed(azure: "Azure", life: Life, image: "Image | None") -> "Iterator[Row]":
    """Yield the rows that a container wrote before the seed, and those that people wrote."""
    now, options = azure.clock.now(), azure.options
    yield from written.seeded_users()
    for process in life.processes.values():
        host = host_name(azure.arm.sites[process.site], CLOUDS[0])
        yield written.address_row(host)
        if not options.sign_in_off:
            yield written.sign_in_row(host, process.started)
        yield from written.version_rows(process.started, (process.version, process.image_tag), None)
        yield written.update_settings(last_check(now), process.version, process.image_tag, image)
        if not options.no_instance_health:
            yield written.boot(process.responds, process.version)
        if not options.old_cipp:
            night = last_nightly(now - _CHECK_TAKES, life.zone or UTC)
            yield written.access_check(
                Check(night + _CHECK_TAKES, process.loaded, signs_in(azure, process.loaded, night))
            )
        break
