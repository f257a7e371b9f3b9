"""The worker's threads while Azure hangs: callers without a role hold two of them, and the others stay free."""

import inspect
import statistics
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Event, Lock, Thread
from uuid import uuid4

import pytest

import function_app
from backend.concurrency.seats import SEATS
from sandbox import names
from settings.http.routes import all_routes
from tests.support import phrases
from tests.support.api import Api, functions
from tests.support.cipp import MAY, Cipp, ask, cipp_of, questions
from tests.support.host import Answer, Host
from tests.support.principals import application, user, visitor
from tests.support.project_host import project_host
from tests.support.sandbox_client import Sandbox
from tests.support.silence import silent_storage

pytestmark = pytest.mark.compares_times

HANG: dict[str, object] = {"mode": "hang", "times": 0}
CALLERS = 50
PINGS = 8
WORKER_THREADS = {"PYTHON_THREADPOOL_THREAD_COUNT": "6"}
ALLOWED = {"ALLOWED_TENANTS": names.TENANT_ID}
SLOW_HOSTS = ("cippabc12.vault.azure.net", "login.microsoftonline.com", "graph.microsoft.com", "127.0.0.1")


@pytest.fixture
def cipp(azure: Sandbox) -> Iterator[Cipp]:
    with cipp_of(azure) as made:
        yield made


def stranger(number: int) -> dict[str, str]:
    """Return a caller without a role, each time another one: by claims, of the static web app, or an API client."""
    name = f"{uuid4()}@contosomsp.onmicrosoft.com"
    return (user(oid=str(uuid4())), visitor(name), visitor(name, "unknown"), application(str(uuid4())))[number % 4]


def timed(host: Host, name: str, headers: Mapping[str, str] | None = None) -> tuple[float, Answer]:
    began = time.monotonic()
    answer = host.request("GET", f"/api/{name}", headers=tuple((headers or {}).items()))
    return time.monotonic() - began, answer


# Over sockets, with a worker of six threads.


@pytest.mark.each_value
@pytest.mark.parametrize("tables_hang", [True, False], ids=["tables hang", "tables respond"])
@pytest.mark.parametrize("settings", [{}, ALLOWED], ids=["unknown tenant", "allowed tenant"])
@pytest.mark.slow("it starts a host of its own")
def test_worker_responds_while_azure_hangs_and_fifty_without_role_call(
    sandbox: Sandbox, tmp_path: Path, settings: dict[str, str], tables_hang: bool
) -> None:
    ended = Event()
    with ExitStack() as stack:
        stack.enter_context(cipp_of(sandbox)).group("admin", names.GROUP_ID)
        storage = {"CIPP_STORAGE": stack.enter_context(silent_storage())} if tables_hang else {}
        host = stack.enter_context(project_host(sandbox, tmp_path, **WORKER_THREADS, **settings, **storage))
        stack.callback(sandbox.faults, [])
        sandbox.faults([HANG])

        def call(number: int) -> None:
            while not ended.wait(1):  # so that the machine is not what is measured
                with suppress(OSError):
                    timed(host, "me" if number % 3 else MAY, stranger(number))

        callers = [Thread(target=call, args=(number,)) for number in range(CALLERS)]
        for caller in callers:
            caller.start()
        time.sleep(1.5)
        pings, admins = [], []
        for _ in range(PINGS):
            time.sleep(0.3)
            pings.append(timed(host, "PublicPing")[0])
            admins.append(timed(host, "me", user("superadmin")))
        ended.set()
        for caller in callers:
            caller.join()
    assert statistics.median(pings) < 0.1, pings
    assert max(seconds for seconds, _ in admins) < 3.5, admins
    assert {answer.status for _, answer in admins} == {200 if settings else 500}
    if not settings:
        assert all("ALLOWED_TENANTS" in answer.json()["Results"] for _, answer in admins)


# In this process.


@pytest.mark.each_value
@pytest.mark.parametrize("tables_hang", [True, False], ids=["tables hang", "tables respond"])
@pytest.mark.parametrize("settings", [{}, ALLOWED], ids=["unknown tenant", "allowed tenant"])
@pytest.mark.slow("fifty calls wait for an Azure that hangs")
def test_callers_without_role_hold_two_threads_while_azure_hangs(
    cipp: Cipp, azure: Sandbox, nowhere: pytest.MonkeyPatch, settings: dict[str, str], tables_hang: bool
) -> None:
    cipp.group("admin", names.GROUP_ID)
    nowhere.setattr("backend.concurrency.seats.PROMPT_SECONDS", 0.5)
    with ExitStack() as stack:
        for name, value in settings.items():
            nowhere.setenv(name, value)
        if tables_hang:
            nowhere.setenv("CIPP_STORAGE", stack.enter_context(silent_storage()))
        azure.faults([HANG])
        stack.callback(azure.faults, [])
        api, lock, ended = Api(), Lock(), Event()
        calling: set[tuple[int, float]] = set()

        def call(number: int) -> None:
            while not ended.wait(0.5):
                this = number, time.monotonic()
                with lock:
                    calling.add(this)
                ask(stranger(number), "me" if number % 3 else MAY, api)
                with lock:
                    calling.discard(this)

        threads = [Thread(target=call, args=(number,)) for number in range(CALLERS)]
        for thread in threads:
            thread.start()
        time.sleep(3)
        most = 0
        for _ in range(5):
            with lock:
                before = set(calling)
            time.sleep(2)  # a call that is still under way waits; on a busy machine a refusal takes a while, too
            with lock:
                most = max(most, len(before & calling))
        ended.set()
        for thread in threads:
            thread.join()
    assert most <= SEATS


@pytest.mark.parametrize("headers", [user(), visitor()], ids=["user", "static web app"])
@pytest.mark.slow("it starts a host of its own")
def test_parallel_calls_by_group_role_are_served_when_the_cache_expired(
    cipp: Cipp, azure: Sandbox, nowhere: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    cipp.group("admin", names.GROUP_ID)
    nowhere.setattr("backend.access.graph_lookups.LIFETIME_SECONDS", 0.0)
    nowhere.setattr("backend.access.tables.LIFETIME_SECONDS", 0.0)
    nowhere.setattr("backend.access.partner_tenant.LIFETIME_SECONDS", 0.0)
    api = Api()
    assert ask(headers, MAY, api).status == 200
    nowhere.setattr("backend.concurrency.seats.SEATS", 0)  # so the test shows that they need none
    with ThreadPoolExecutor(5) as threads:
        assert [answer.status for answer in threads.map(lambda _: ask(headers, MAY, api), range(5))] == [200] * 5
    assert len(questions(azure)) >= 2


@pytest.mark.parametrize("headers", [user(), visitor(), application()], ids=["user", "static web app", "API client"])
@pytest.mark.slow("it starts a host of its own")
def test_parallel_first_calls_of_one_caller_are_all_served(
    cipp: Cipp, azure: Sandbox, nowhere: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    azure.reset(latency_seconds=dict.fromkeys(SLOW_HOSTS, 0.1))
    nowhere.setattr("backend.concurrency.seats.PROMPT_SECONDS", 10.0)  # a busy machine is not a slow Azure
    for waits in ("services", "access.partner_tenant", "access.allowed_users"):
        nowhere.setattr(f"backend.{waits}.WAIT_SECONDS", 10.0)
    nowhere.setenv("PYTHON_THREADPOOL_THREAD_COUNT", "32")  # as docs/access.md advises
    cipp.group("admin", names.GROUP_ID)
    cipp.client()
    api = Api()
    with ThreadPoolExecutor(8) as threads:
        assert [answer.status for answer in threads.map(lambda _: ask(headers, MAY, api), range(8))] == [200] * 8


def test_a_caller_without_a_seat_is_refused_with_advice(cipp: Cipp, nowhere: pytest.MonkeyPatch) -> None:
    cipp.group("admin", names.GROUP_ID)
    nowhere.setattr("backend.concurrency.seats.SEATS", 0)
    nowhere.setenv("ALLOWED_TENANTS", names.TENANT_ID)
    nowhere.setenv("PYTHON_THREADPOOL_THREAD_COUNT", "1")
    api = Api()
    seen = ask(user(), api=api)
    assert (seen.status, seen.body["permissions"]) == (200, [])
    assert phrases.TRY_AGAIN_SOON in seen.body["message"]
    for headers, status in ((user(), 403), (visitor(), 403), (application(), 403), (user(tid=str(uuid4())), 500)):
        refused = ask(headers, MAY, api)
        assert refused.status == status, refused.text
        assert phrases.TRY_AGAIN_SOON in refused.results
    assert ask(user("admin"), MAY, api).status == 200


def test_one_caller_with_many_calls_leaves_a_thread_free(cipp: Cipp, azure: Sandbox) -> None:
    azure.reset(latency_seconds={"graph.microsoft.com": 0.5})
    azure.faults([{"host": "graph.microsoft.com", "mode": "refuse", "status": 403, "times": 0}])
    cipp.group("admin", names.GROUP_ID)
    api = Api()
    member = user(oid=str(uuid4()))
    assert ask(user("superadmin"), MAY, api).status == 200
    with ThreadPoolExecutor(6) as worker:
        stranger_calls = [worker.submit(ask, member, MAY, api) for _ in range(100)]
        began = time.monotonic()
        assert worker.submit(ask, user("superadmin"), "me", api).result().status == 200
        assert time.monotonic() - began < 5  # without the limit, behind a hundred waits for Graph
        assert {call.result().status for call in stranger_calls} == {403}


def test_public_ping_alone_runs_on_the_loop() -> None:
    on_loop = {name for name, one in functions().items() if inspect.iscoroutinefunction(one.get_user_function())}
    assert on_loop == {"publicping"}
    assert [route.name for route in all_routes(function_app.PAGES) if route.on_loop] == ["PublicPing"]


def test_public_ping_touches_no_service(nowhere: pytest.MonkeyPatch) -> None:
    def fail(_environ: object) -> None:
        raise AssertionError("a service was made")

    nowhere.setattr("settings.http.process.Services", fail)
    answer = Api().get("PublicPing", role=None, x_correlation_id="mine")
    assert (answer.status, answer.headers["x-correlation-id"], answer.results["Message"]) == (200, "mine", "Pong")
