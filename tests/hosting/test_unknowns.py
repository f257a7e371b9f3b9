"""What is not known of Azure and of CIPP as a container. Both cases are safe, and each has a test.

`TESTS` lists the unknowns of the contract of CIPP as a container. An unknown that this app does not depend on has a
reason instead of tests.
"""

import ast
from functools import cache
from typing import Any, Final

import pytest

from backend.concurrency.deadline import Deadline
from backend.hosting.container.sign_in.problems import SignInApp, callback_problems
from sandbox import names
from settings.http.process import services
from tests.hosting.test_container_apps import SITE, container
from tests.support import phrases
from tests.support.api import Api
from tests.support.host import PROJECT
from tests.support.own_tables import forget_starts
from tests.support.rotation.others import Others
from tests.support.sandbox.arm import SITE as SITE_URL
from tests.support.sandbox.arm import Arm
from tests.support.sandbox_client import Sandbox

__all__ = ("container",)  # a fixture
HERE: Final = "hosting/test_unknowns.py"
KEYS: Final = "rotation/test_container_keys.py"
APPS: Final = "hosting/test_container_apps.py"
SIGN_IN: Final = "hosting/test_container_sign_in.py"
READS: Final = "cipp/test_key_reads.py"
TESTS: Final[dict[str, str | tuple[tuple[str, str], ...]]] = {
    "U1 what ARM shows as processes": ((HERE, "test_processes_of_a_container_are_not_evidence"),),
    "U2 whether a restart reads AUTH_SECRET again": (
        (HERE, "test_secret_that_app_service_has_not_read_is_a_note"),
        (SIGN_IN, "test_reference_is_resolved_and_of_the_newest_version"),
    ),
    "U3 whether a new image restarts the app": ((HERE, "test_new_image_is_a_possible_update_until_it_runs"),),
    "U4 how long a start takes": (
        (APPS, "test_container_that_is_still_starting_is_not_a_failure"),
        (APPS, "test_restart_without_an_update_is_followed_to_the_end"),
    ),
    "U5 how a shut port looks": (
        (APPS, "test_any_shut_port_means_not_up_yet"),
        (HERE, "test_cut_connection_means_not_up_yet"),
    ),
    "U6 whether InstanceHealth exists": (
        (READS, "test_signs_are_unknown_without_their_tables"),
        (READS, "test_newest_boot_counts_and_samples_do_not"),
        ("hosting/test_container_status.py", "test_missing_samples_are_a_problem_only_if_cipp_records_them"),
    ),
    "U7 whether FeatureFlags can be read": (
        (READS, "test_flag_of_certificate_only_mode"),
        ("rotation/test_certificate_only.py", "test_no_secret_is_created_over_the_placeholder"),
        ("rotation/test_certificate_only.py", "test_secret_is_left_alone_while_the_flag_is_unreadable"),
    ),
    "U8 whether CIPP removes old certificates": (
        ("sandbox/test_cipp_jobs.py", "*no_reconcile"),
        (KEYS, "test_certificate_is_rotated_once_between_two_checks_even_when_forced"),
        (HERE, "test_keys_of_cipp_sign_in_after_its_weekly_run"),
    ),
    "U9 whether CIPP removes expired secrets": (
        ("rotation/test_laws_of_chores.py", "test_secret_that_is_gone_already_is_removed_without_a_warning"),
        (KEYS, "test_old_secret_is_retired_after_the_overlap_and_the_check"),
    ),
    "U10 booleans as text, in any case": (
        ("rotation/test_certificate_only.py", "test_flag_may_be_text"),
        ("hosting/test_cipps_own_updates.py", "*AutoUpdate"),
    ),
    "U11 whether CIPP compares its keys with the vault": (
        (KEYS, "test_whole_permissions_check_shows_that_cipp_has_its_keys"),
        (KEYS, "test_permissions_check_without_its_details_shows_nothing"),
    ),
    "U12 names of actions": ((HERE, "test_refused_action_is_shown_if_azure_names_it"),),
    "U13 the default host name": ((HERE, "test_version_is_read_at_any_default_host_name"),),
    "U14 the order of the host names": ((HERE, "test_order_of_the_host_names_does_not_matter"),),
    "U15 the port": (("hosting/test_container_settings.py", "test_vital_setting_needs_force"),),
    "U16 versions after September 2026": (
        ("test_odd_responses.py", "*test_"),
        ("hosting/test_container_settings.py", "test_write_without_an_update_keeps_every_other_setting"),
    ),
    "U17 whether files persist": "This app reads no file of CIPP.",
    "U18 the default of certificate-only mode": ((READS, "test_flag_of_certificate_only_mode"),),
    "U19 other registries": (
        (APPS, "test_image_of_another_registry_is_not_compared"),
        (APPS, "test_restart_without_an_update_is_followed_to_the_end"),
    ),
    "U20 sign-in without a secret": ((SIGN_IN, "test_sign_in_without_a_setting_uses_no_secret"),),
    "U21 whether CIPP_SSO_RESET works": "This app does not set it, and does not advise it.",
    "U22 whether CIPP trusts a caller's own principal": (
        ("installation/test_states.py", "test_sign_in_that_is_off_comes_first"),
    ),
}


@cache
def text_of(file: str) -> str:
    return (PROJECT / "tests" / file).read_text(encoding="utf-8")


@cache
def functions_of(file: str) -> frozenset[str]:
    return frozenset(node.name for node in ast.walk(ast.parse(text_of(file))) if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("unknown", TESTS)
def test_unknown_has_its_tests(unknown: str) -> None:
    tests = TESTS[unknown]
    for file, test in () if isinstance(tests, str) else tests:
        assert test[1:] in text_of(file) if test.startswith("*") else test in functions_of(file), (file, test)


def reset(azure: Sandbox, *unknowns: str, **options: object) -> None:
    azure.reset(shape="container", start_seconds=1, propagation_seconds=0, unknowns=list(unknowns), **options)


@pytest.mark.parametrize("unknowns", [(), ("U1",)])
def test_processes_of_a_container_are_not_evidence(container: Sandbox, unknowns: tuple[str, ...]) -> None:
    reset(container, *unknowns)
    Api()
    services().discovery.main_app.seen()
    (uptime,) = services().hosting.processes.uptimes.uptimes(Deadline.after(20))
    assert (uptime.since, uptime.is_single) == (None, True)
    assert not [call for call in container.calls() if "/processes" in call["path"]]


def sign_in_notes() -> str:
    (card,) = [card for card in Api().get("ListBackend").results["Cards"] if card["Kind"] == "SignIn"]
    return " ".join(card["Notes"])


@pytest.mark.slow("three overviews")
@pytest.mark.parametrize(("unknowns", "is_old"), [((), True), (("U2",), False)])
def test_secret_that_app_service_has_not_read_is_a_note(
    container: Sandbox, unknowns: tuple[str, ...], *, is_old: bool
) -> None:
    reset(container, *unknowns)
    assert phrases.NEWEST_VERSION not in sign_in_notes()
    Others(container).store("SSOAppSecret", "a new one")
    assert phrases.NEWEST_VERSION in sign_in_notes()
    Arm(container).call("POST", f"{SITE_URL}/restart")
    assert (phrases.NEWEST_VERSION in sign_in_notes()) is is_old


@pytest.mark.slow("a start of the container")
@pytest.mark.parametrize(("unknowns", "waits"), [((), False), (("U3",), True)])
def test_new_image_is_a_possible_update_until_it_runs(
    container: Sandbox, unknowns: tuple[str, ...], *, waits: bool
) -> None:
    reset(container, *unknowns)
    image = {"properties": {"linuxFxVersion": "DOCKER|ghcr.io/cyberdrain/cipp:10.8.4"}}
    assert Arm(container).call("PATCH", f"{SITE_URL}/config/web", image).status_code == 200
    container.advance(60)
    answer = Api().post("ExecFunctionAppRestart")
    assert (answer.status == 409) is waits
    assert not waits or "10.8.4" in answer.text


def test_cut_connection_means_not_up_yet(container: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("CIPP_START_TIMEOUT_SECONDS", "0.3")
    cut = {"host": "*.azurewebsites.net", "path": "health", "nth": 2, "times": 0, "mode": "drop-before"}
    container.faults([cut])
    (app,) = Api().post("ExecFunctionAppRestart").results["Apps"]
    assert phrases.NOT_UP_YET in app["Seen"]


ACTION: Final = "Microsoft.Web/sites/config/configreferences/read"
NAMED: Final = f"The client 'x' with object id 'x' does not have authorization to perform action '{ACTION}' over scope"


@pytest.mark.parametrize(("text", "action"), [(f"{NAMED} '/x'.", ACTION), ("Access is denied.", "")])
def test_refused_action_is_shown_if_azure_names_it(container: Sandbox, text: str, action: str) -> None:
    error = {"error": {"code": "AuthorizationFailed", "message": text}}
    path = "/configreferences/appsettings/AUTH_SECRET"
    container.faults([{"path": path, "answer": {"status": 403, "body": error}, "times": 0}])
    notes = sign_in_notes()
    assert f"AUTH_SECRET {phrases.IS_UNKNOWN}" in notes
    assert action in notes


@pytest.mark.parametrize("unknowns", [(), ("U13",)])
def test_version_is_read_at_any_default_host_name(container: Sandbox, unknowns: tuple[str, ...]) -> None:
    reset(container, *unknowns)
    would_do = Api().post("ExecFunctionAppRestart", {"DryRun": True}).results["WouldDo"]
    assert [text for text in would_do if "10.8.5" in text]


def test_order_of_the_host_names_does_not_matter() -> None:
    app, hosts = SignInApp(frozenset(["b.example"]), ()), ["a.example", "b.example", "c.example"]
    assert callback_problems(app, hosts) == callback_problems(app, hosts[::-1])


@pytest.mark.full_tier("test_container_keys has the short form")
@pytest.mark.slow("CIPP's weekly run and a run of this app")
@pytest.mark.parametrize("no_reconcile", [False, True])
def test_keys_of_cipp_sign_in_after_its_weekly_run(azure: Sandbox, *, no_reconcile: bool) -> None:
    azure.reset(
        shape="container",
        propagation_seconds=0,
        cipp_jobs=True,
        no_reconcile=no_reconcile,
        certificate_only=True,
        now="2027-01-02T12:00:00Z",  # a Saturday
    )
    forget_starts(azure)
    api = Api()
    assert api.post("ExecKeyRotation", {"Names": ["SAMCertificate"], "Force": True}).status == 200
    azure.advance(14 * 3_600)  # its weekly run is at midnight, and its read of the keys at 00:30
    assert [process["works"] for process in azure.state()["cipp"]] == [True]
    assert api.post("ExecKeyRotation", {"Names": ["SAMCertificate"], "Force": True}).status == 200
    assert [process["works"] for process in azure.state()["cipp"]] == [True]


def me_with(azure: Sandbox, value: object) -> dict[str, Any]:
    """Return the caller of a container whose setting CIPP_HOSTED has a value, once the settings were read."""
    azure.reset(shape="container", propagation_seconds=0)
    path = f"/sites/{SITE}/config/appsettings/list$"
    azure.faults([{"method": "POST", "path": path, "edit": [["properties.CIPP_HOSTED", value]], "times": 0}])
    api = Api()
    services().discovery.main_app.seen()
    services().cipp_settings.current()
    me: dict[str, Any] = api.get("me").body
    return me


@pytest.mark.parametrize(("value", "hosted"), [("true", True), ("True", True), ("false", False), ("", False)])
def test_me_of_a_hosted_container_is_hosted(azure: Sandbox, value: str, *, hosted: bool) -> None:
    me = me_with(azure, value)
    assert (me["ng"], me["hosted"]) == (True, hosted)


def test_hosted_container_is_a_warning(azure: Sandbox) -> None:
    me_with(azure, "true")
    assert [text for text in Api().get("ExecBackendURLs").results["Warnings"] if "CIPP_HOSTED" in text]
    assert names.MAIN_SITE == SITE
