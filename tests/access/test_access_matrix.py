"""Every route and every kind of caller: who is allowed, who is denied, and the response."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import pytest

import function_app
from backend.access.roles import BASE, BASE_ROLES
from sandbox import names
from settings.access.caller import MARKS_OF_AZURE, Permission
from settings.http.routes import Route, all_routes
from tests.support import phrases
from tests.support.api import Answer, Api, principal
from tests.support.cipp import Cipp, at, cipp_of
from tests.support.principals import NAME, PRINCIPAL, application, user, visitor
from tests.support.sandbox_client import Sandbox

ROUTES = all_routes(function_app.PAGES)
FOREIGN = "99999999-8888-7777-6666-555555555555"
CUSTOMER = "11111111-2222-3333-4444-555555555555"
INSIDE, OUTSIDE = "203.0.113.9", "198.51.100.1"
ALL = tuple(Permission)
CLIENTS = {role: f"00000000-0000-0000-0000-00000000000{number}" for number, role in enumerate([*BASE, "every", "gone"])}
DISABLED, FENCED, UNKNOWN = (f"00000000-0000-0000-0000-0000000000{number}" for number in (11, 12, 13))
NOBODY, STRANGER = (401, None), (403, None)  # a stranger is known, and lets no permission help
Denial = tuple[int, str | None]


@dataclass(frozen=True)
class Kind:
    """A kind of caller: what they send, and what each permission of a route brings them."""

    sends: Mapping[str, str]
    denial_for: Callable[[Permission], Denial | None]  # None: allowed
    of_me: Denial | None = None
    environ: Mapping[str, str | None] = field(default_factory=dict)
    has_role: bool = False  # although no permission is allowed


def allowed_if(allows: Callable[[str], bool]) -> Callable[[Permission], Denial | None]:
    return lambda permission: None if allows(permission) else (403, permission.value)


def always(denial: Denial) -> Callable[[Permission], Denial | None]:
    return lambda _: denial


def none_at_all(
    sends: Mapping[str, str], environ: Mapping[str, str | None] = MappingProxyType({}), *, has_role: bool = False
) -> Kind:
    return Kind(sends, allowed_if(lambda _: False), environ=environ, has_role=has_role)


def kinds(sandbox: Mapping[str, str]) -> dict[str, Kind]:
    """Return every kind of caller, by name. Some need the vault and Graph of `sandbox`."""
    superadmin = visitor("a@b", "superadmin")
    azure = {"AZURE_FUNCTIONS_ENVIRONMENT": None}
    found = {
        "nobody": Kind({}, always(NOBODY), NOBODY),
        "authentication off": Kind(superadmin, always(NOBODY), NOBODY, {**azure, "WEBSITE_AUTH_ENABLED": "false"}),
        "no word of authentication": Kind(superadmin, always(NOBODY), NOBODY, azure),
        "unreadable": Kind({PRINCIPAL: "%%%"}, always(NOBODY), NOBODY),
        "foreign tenant": Kind(user("superadmin", tid=FOREIGN), always(STRANGER), STRANGER, sandbox),
        "guest": none_at_all(visitor(names.GUEST_NAME), sandbox),
        "unknown guest": none_at_all(visitor("kim@fabrikam.com"), sandbox),
        "guest of another provider": none_at_all(visitor(provider="github"), sandbox),
        "member without a group": none_at_all(visitor(names.ADMIN_NAME), sandbox),
        "member while Graph is away": none_at_all(visitor()),
        "member of the group": Kind(visitor(), allowed_if(BASE["admin"].allows), environ=sandbox),
        "user of the group by token": Kind(user(), allowed_if(BASE["admin"].allows), environ=sandbox),
        "role of something else": none_at_all(visitor("a@b", "billing")),
        "custom role, all permissions": Kind(visitor("a@b", "every"), allowed_if(lambda _: True)),
        "custom role by token": Kind(user("every"), allowed_if(lambda _: True)),
        "custom role, reads": Kind(
            visitor("a@b", "reads"), allowed_if(lambda permission: permission.endswith(".Read"))
        ),
        "custom role, writes": Kind(
            visitor("a@b", "writes"), allowed_if(lambda permission: "AppSettings" in permission)
        ),
        "custom role, nothing": none_at_all(visitor("a@b", "nothing"), has_role=True),
        "custom role, blocked endpoint": none_at_all(visitor("a@b", "blocking")),
        "custom role, another tenant": none_at_all(visitor("a@b", "elsewhere"), has_role=True),
        "custom role, partner blocked": none_at_all(visitor("a@b", "barred"), has_role=True),
        "editor with a custom role": none_at_all(visitor("a@b", "editor", "every"), has_role=True),
        "admin with a custom role": Kind(visitor("a@b", "admin", "nothing"), allowed_if(BASE["admin"].allows)),
        "from elsewhere": Kind(at(OUTSIDE, visitor("a@b", "fenced")), always(STRANGER)),
        "from an unknown address": Kind(visitor("a@b", "fenced"), always(STRANGER)),
        "from where the role holds": Kind(at(INSIDE, visitor("a@b", "fenced")), allowed_if(lambda _: True)),
        "client, unknown": Kind(application(UNKNOWN), always(STRANGER), STRANGER),
        "client, disabled": Kind(application(DISABLED), always(STRANGER), STRANGER),
        "client, elsewhere": Kind(at(OUTSIDE, application(FENCED)), always(STRANGER), STRANGER),
        "client, from its address": Kind(at(INSIDE, application(FENCED)), allowed_if(lambda _: True)),
        "client, role that is gone": Kind(application(CLIENTS["gone"]), always(STRANGER), STRANGER),
        "client, custom role": Kind(application(CLIENTS["every"]), allowed_if(lambda _: True)),
        "client, headers disagree": Kind({**application(CLIENTS["superadmin"]), NAME: UNKNOWN}, always(NOBODY), NOBODY),
        "user through a client": none_at_all(user(azp=CLIENTS["superadmin"], oid="x")),
    }
    for role in BASE_ROLES:
        found[role.name] = Kind(visitor("a@b", role.name), allowed_if(role.allows))
        found[f"{role.name} by token"] = Kind(user(role.name), allowed_if(role.allows))
        found[f"client, {role.name}"] = Kind(application(CLIENTS[role.name]), allowed_if(role.allows))
    for mark in MARKS_OF_AZURE:
        found[mark] = Kind(superadmin, always(NOBODY), NOBODY, {mark: "x"})
    return found


@pytest.fixture(scope="module")
def cipp(sandbox: Sandbox) -> Iterator[Cipp]:
    with cipp_of(sandbox) as made:
        made.custom_role("every", *ALL)
        made.custom_role("fenced", *ALL)
        made.custom_role("reads", *(name for name in ALL if name.endswith(".Read")))
        made.custom_role("writes", "CIPP.AppSettings.ReadWrite")
        made.custom_role("nothing", "CIPP.AppSettings.None", "Tenant.Standards.ReadWrite")
        made.custom_role("blocking", *ALL, BlockedEndpoints=[route.name for route in ROUTES])
        made.custom_role("elsewhere", *ALL, AllowedTenants=[CUSTOMER])
        made.custom_role("barred", *ALL, BlockedTenants=[names.TENANT_ID])
        made.ranges("fenced", f"{INSIDE}/24")
        made.group("admin", names.GROUP_ID)
        for role, client in CLIENTS.items():
            made.client(client, role)
        made.client(DISABLED, "superadmin", Enabled=False)
        made.client(FENCED, "superadmin", IPRange=f'["{INSIDE}"]')
        yield made


@pytest.fixture
def api(cipp: Cipp, nowhere: pytest.MonkeyPatch) -> Api:
    """Return the API with CIPP's tables and without the rest of Azure, which allowed callers find unreachable."""
    nowhere.setenv("CIPP_STORAGE", cipp.others.azure.env["AzureWebJobsStorage"])
    nowhere.setenv("ALLOWED_TENANTS", names.TENANT_ID)
    return Api()


def call(api: Api, route: Route, headers: Mapping[str, str]) -> Answer:
    sent = {"content-type": "application/json", **headers}
    return api.call(route.method, route.path, b'{"Nope": 1}' if route.body else b"", role=None, headers=sent)


def expected(route: Route, kind: Kind) -> Denial | None:
    if route.public:
        return None
    if route.any_role:
        denials = [kind.denial_for(permission) for permission in Permission]
        return None if kind.has_role or None in denials else NOBODY if NOBODY in denials else STRANGER
    return kind.denial_for(route.needs) if route.needs else kind.of_me


def denial_of(answer: Answer) -> Denial | None:
    """Return the status and permission of a denial, or None if the caller was allowed."""
    if answer.status in (401, 403):
        return answer.status, answer.body.get("permission")
    assert answer.status in (200, 302, 400, 500), answer.text
    return None


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_each_kind_of_caller_is_allowed_or_learns_what_is_missing(
    api: Api, cipp: Cipp, nowhere: pytest.MonkeyPatch, route: Route
) -> None:
    wrong = {}
    for name, kind in kinds(cipp.others.azure.env).items():
        with nowhere.context() as patch:
            for variable, value in kind.environ.items():
                patch.delenv(variable) if value is None else patch.setenv(variable, value)
            answer = call(api, route, kind.sends)
        if denial_of(answer) != expected(route, kind):
            wrong[name] = (denial_of(answer), expected(route, kind), answer.text)
    assert wrong == {}


@pytest.mark.parametrize("route", [route for route in ROUTES if route.body], ids=lambda route: route.name)
def test_cross_site_requests_never_write(api: Api, route: Route) -> None:
    as_superadmin = {PRINCIPAL: principal("superadmin"), "content-type": "application/json"}
    across = api.call("POST", route.path, b"{}", role=None, headers={**as_superadmin, "sec-fetch-site": "cross-site"})
    assert (across.status, phrases.CROSS_SITE in across.results) == (403, True)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        plain = api.call("POST", route.path, b'{"x": 1}', role=None, headers={**as_superadmin, "content-type": kind})
        assert (plain.status, plain.body["field"]) == (400, "Content-Type")
    for query in ("", "?DryRun=false", "?Action=Restart&Force=true"):
        read = api.call("GET", f"{route.path}{query}", role=None, headers=as_superadmin)
        assert (read.status, read.headers["Allow"]) == (405, "POST")


def test_me_returns_the_permissions_of_the_caller(api: Api, cipp: Cipp, nowhere: pytest.MonkeyPatch) -> None:
    # These have what both of their roles hold; and these hold permissions that no endpoint here lets them use.
    otherwise = {f"custom role, {word}" for word in ("blocked endpoint", "another tenant", "partner blocked")}
    for name, kind in kinds(cipp.others.azure.env).items():
        if name in {*otherwise, "editor with a custom role"}:
            continue
        with nowhere.context() as patch:
            for variable, value in kind.environ.items():
                patch.delenv(variable) if value is None else patch.setenv(variable, value)
            answer = api.call("GET", "me", role=None, headers=kind.sends)
        if answer.status == 200:
            allowed = [permission for permission in Permission if kind.denial_for(permission) is None]
            assert answer.body["permissions"] == sorted(allowed), name
