"""Record the runs again: `python -m tests.rotation.recorded.record`.

It starts a sandbox, lets processes of the present code rotate, kills each at its point, and writes one JSON file a
point beside this one. They are of value as long as they come from earlier code than the one that is tested. So do not
run it because a test fails, but only to add a point, or once no installation has the older code any more.
"""

import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from sandbox import names
from tests.rotation.recorded.recording import HERE, OPTIONS, SEEDED, Recording
from tests.support.rotation.deployment import Deployment
from tests.support.rotation.instance import Instance
from tests.support.rotation.scene import SECRET, refused
from tests.support.sandbox.certificate import Certificate
from tests.support.sandbox_client import Sandbox
from tests.support.start_times import ORDINARY

APPS: Final = (names.MAIN_SITE, names.OFFLOAD_SITE)
OVERLAP: Final = timedelta(days=31)  # after so long an old credential is removed
WEEK: Final = timedelta(days=8)
PATIENCE_SECONDS: Final = 30.0
OTHER_KEYS_SECONDS: Final = 0.5  # for what other threads of the run do meanwhile
VAULT: Final = "cippabc12.vault.azure.net"
GRAPH: Final = "graph.microsoft.com"
GUID: Final = "[0-9a-f]{8}-[0-9a-f-]{27}"  # a direct tenant's
ASKS_FOR_RESTARTS: Final = {"KEY_ROTATION_RESTART_CIPP": "true"}


@dataclass(frozen=True)
class Point:
    """Where a run is killed: while it waits for the response to this call, which does nothing. {}: it completes.

    `others_store` is what others stored as the client secret before, and `fault` what disturbs a run that ends.
    """

    name: str
    begun_from: str
    call: Mapping[str, object] = field(default_factory=dict)
    fault: Mapping[str, object] = field(default_factory=dict)
    after: timedelta = timedelta()
    force: bool = False
    role: str = "superadmin"
    others_store: str = ""


FIRST_RUN: Final = "a_finished_first_run"
RESTART_REQUESTED: Final = "restart_requested"
RESTART_WAITS: Final = "restart_that_waits"
WAITING: Final = "old_credentials_that_wait"
CERTIFICATE_STORED: Final = "certificate_stored"
POINTS: Final = (
    Point("lock_held", SEEDED, {"host": VAULT, "path": f"^/secrets/(RefreshToken|{GUID})/$", "times": 0}),
    Point("token_stored", SEEDED, {"method": "PUT", "host": VAULT, "path": f"/{GUID}$"}),
    Point("secret_created", SEEDED, {"method": "PUT", "host": VAULT, "path": "/ApplicationSecret$"}),
    Point("secret_stored", SEEDED, {"host": VAULT, "path": "/ApplicationSecret/versions$", "nth": 2}),
    Point("certificate_registered", SEEDED, {"method": "PUT", "host": VAULT, "path": "/SAMCertificate$"}),
    Point(RESTART_REQUESTED, SEEDED, {"method": "POST", "path": "/restart$"}),
    Point("key_failed", SEEDED, fault=refused(50173)),
    Point("secret_put_back", SEEDED, after=timedelta(hours=1), others_store="not a client secret"),
    Point(RESTART_WAITS, SEEDED, role="admin"),  # who may rotate, and not restart CIPP
    Point(FIRST_RUN, SEEDED),
    Point(WAITING, FIRST_RUN, after=WEEK, force=True),
    Point(CERTIFICATE_STORED, WAITING, {"host": GRAPH, "path": "/removeKey$"}, after=OVERLAP, force=True),
)


def recordings(deployment: Deployment, points: Iterable[Point] = POINTS) -> Iterator[Recording]:
    """Let runs go to each point, and yield what they left there, the beginning first."""
    others = deployment.others
    others.clear_tables()
    others.reset(now=ORDINARY, **OPTIONS)
    others.share_the_app(Certificate())
    seeded = Recording.taken(SEEDED, SEEDED, others)
    taken = {SEEDED: seeded}
    yield seeded
    for point in points:
        taken[point.begun_from].put_back(others, seeded)
        if point.others_store:
            others.store(SECRET, point.others_store)
        others.azure.advance(point.after.total_seconds())
        for app in APPS:
            others.restart(app)
        with Instance({**deployment.environ, **ASKS_FOR_RESTARTS}) as instance:
            _run_to(point, deployment.sandbox, instance)
            taken[point.name] = Recording.taken(point.name, point.begun_from, others)
        others.azure.faults([])
        yield taken[point.name]


def _run_to(point: Point, sandbox: Sandbox, instance: Instance) -> None:
    sandbox.faults([dict(fault) for fault in (point.fault, point.call and {"mode": "hang", **point.call}) if fault])
    instance.begin_as(point.role, Force=point.force)
    if not point.call:
        answer = instance.answer()
        assert answer.status == 200, answer.text
        return
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while sandbox.control("GET", "faults")["faults"][0]["seen"] < point.call.get("nth", 1):
        assert time.monotonic() < give_up_at, f"{point.name}: the run made no such call"
        time.sleep(0.03)
    time.sleep(OTHER_KEYS_SECONDS)
    instance.kill()


def main() -> None:
    """Write all files."""
    with tempfile.TemporaryDirectory() as folder, Sandbox(Path(folder)) as sandbox:
        for recording in recordings(Deployment(sandbox)):
            recording.write(HERE)


if __name__ == "__main__":
    main()
