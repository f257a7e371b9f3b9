"""The functions and apps that the worker and the host refuse, as tables of apps."""

from collections.abc import Callable

import pytest

from sandbox.host.index import Refusals
from sandbox.host.worker import AppRefusedError

RefusalsOf = Callable[[str], Refusals]

APP = "app = func.FunctionApp()\n"
HTTP = "(req: func.HttpRequest) -> func.HttpResponse: ..."
TIMER = "(timer: func.TimerRequest) -> None: ..."

ACCEPTED = {
    "plain": f"@app.route('a')\ndef a{HTTP}",
    "no annotations": "@app.route('a')\ndef a(req): ...",
    "context": "@app.route('a')\ndef a(req: func.HttpRequest, context: func.Context) -> func.HttpResponse: ...",
    "str returned": "@app.route('a')\ndef a(req: func.HttpRequest) -> str: ...",
    "str taken (fails when called)": "@app.route('a')\ndef a(req: str) -> str: ...",
    "quoted annotations": "@app.route('a')\ndef a(req: 'func.HttpRequest') -> 'func.HttpResponse': ...",
    "async": f"@app.route('a')\nasync def a{HTTP}",
    "route of two parts": f"@app.route('a/{{id:int}}/{{*rest}}')\ndef a{HTTP}",
    "one route, other methods": (
        f"@app.route('a', methods=['GET'])\ndef a{HTTP}\n@app.route('A/', methods=['POST'])\ndef b{HTTP}"
    ),
    "timer": f"@app.timer_trigger('timer', schedule='0 0 0 * * 0')\ndef a{TIMER}",
    "five fields": f"@app.timer_trigger('timer', schedule='*/5 * * * *')\ndef a{TIMER}",
    "timespan": f"@app.timer_trigger('timer', schedule='01:00:00')\ndef a{TIMER}",
    "setting": f"@app.timer_trigger('timer', schedule='%WEEKLY%')\ndef a{TIMER}",
    "output": (
        "@app.timer_trigger('timer', schedule='0 0 0 * * 0')\n"
        "@app.queue_output('message', queue_name='q', connection='c')\n"
        "def a(timer: func.TimerRequest, message: func.Out[str]) -> None: ..."
    ),
}

APP_RAISES = {
    "no app": ("x = 1", "no FunctionApp"),
    "two names": (f"{APP}other = app", "app, other"),
    "empty app": (APP, "declares no function"),
    "syntax": (f"{APP}def", "SyntaxError"),
    "import": (f"{APP}import not_there_at_all", "not_there_at_all"),
    "exit": (f"{APP}raise SystemExit(3)", "SystemExit"),
    "two of one name": (
        f"{APP}@app.route('a')\ndef a{HTTP}\n@app.route('b')\n@app.function_name('a')\ndef b{HTTP}",
        "does not have a unique function name",
    ),
    "no trigger": (f"{APP}@app.function_name('a')\ndef a{HTTP}", "does not have a trigger"),
    "two triggers": (
        f"{APP}@app.route('a')\n@app.timer_trigger('timer', schedule='* * * * * *')\ndef a(req, timer): ...",
        "trigger was already registered",
    ),
    "unknown method": (f"{APP}@app.route('a', methods=['FETCH'])\ndef a{HTTP}", "FETCH"),
}

APP_REFUSED = {
    "parameter without binding": (
        "def a(req: func.HttpRequest, more=1) -> str: ...",
        'parameter "more"',
    ),
    "binding without parameter": ("def a() -> str: ...", 'binding "req"'),
    "dict returned": ("def a(req: func.HttpRequest) -> dict: ...", 'return annotation "dict"'),
    "optional returned": (
        "def a(req: func.HttpRequest) -> func.HttpResponse | None: ...",
        "invalid non-type return annotation",
    ),
    "context of another type": ("def a(req: func.HttpRequest, context: dict) -> str: ...", "azure.functions.Context"),
    "request of another type": ("def a(req: func.TimerRequest) -> str: ...", "annotated TimerRequest"),
    "optional request": ("def a(req: func.HttpRequest | None) -> str: ...", "not a type"),
    "out for an input": ("def a(req: func.Out[str]) -> str: ...", "no func.Out"),
    "unknown annotation": ("def a(req: 'Nowhere') -> str: ...", "NameError"),
    "star": ("def a(req: func.HttpRequest, **more) -> str: ...", 'parameter "more"'),
}

ONE_REFUSED = {
    "underscore first": f"@app.route('x')\ndef _bad{HTTP}",
    "named host": f"@app.route('x')\n@app.function_name('Host')\ndef bad{HTTP}",
    "binding with underscore": "@app.timer_trigger('my_timer', schedule='* * * * * *')\ndef bad(my_timer) -> None: ...",
    "admin route": f"@app.route('Administrators')\ndef bad{HTTP}",
    "runtime route": f"@app.route('runtime/x')\ndef bad{HTTP}",
    "leading slash": f"@app.route('/x')\ndef bad{HTTP}",
    "route taken, other case": f"@app.route('Fine/')\ndef zz{HTTP}",
    "same name, other case": f"@app.route('x')\ndef Fine{HTTP}",
    "unreadable route": f"@app.route('x/{{id')\ndef bad{HTTP}",
    "optional inside": f"@app.route('x/{{id?}}/y')\ndef bad{HTTP}",
    "unknown constraint": f"@app.route('x/{{id:colour}}')\ndef bad{HTTP}",
    "no schedule": f"@app.timer_trigger('timer', schedule='weekly')\ndef bad{TIMER}",
    "cron out of range": f"@app.timer_trigger('timer', schedule='0 0 0 * * 7')\ndef bad{TIMER}",
    "cron of others": f"@app.timer_trigger('timer', schedule='0 0 0 L * *')\ndef bad{TIMER}",
    "setting missing": f"@app.timer_trigger('timer', schedule='%NOT_SET%')\ndef bad{TIMER}",
    "empty timespan": f"@app.timer_trigger('timer', schedule='00:00:00')\ndef bad{TIMER}",
}


@pytest.mark.parametrize("source", ACCEPTED.values(), ids=ACCEPTED)
def test_app_that_azure_accepts_is_accepted(refusals_of: RefusalsOf, source: str) -> None:
    assert refusals_of(APP + source) == Refusals()


@pytest.mark.parametrize(("source", "reason"), APP_RAISES.values(), ids=APP_RAISES)
def test_app_that_cannot_be_built_is_refused(refusals_of: RefusalsOf, source: str, reason: str) -> None:
    with pytest.raises(AppRefusedError, match=reason):
        refusals_of(source)


@pytest.mark.parametrize(("source", "reason"), APP_REFUSED.values(), ids=APP_REFUSED)
def test_whole_app_is_refused_when_one_signature_is_invalid(refusals_of: RefusalsOf, source: str, reason: str) -> None:
    refused = refusals_of(f"{APP}@app.route('fine')\ndef fine{HTTP}\n@app.route('a')\n{source}")
    assert any(reason in sentence for sentence in refused.app), refused
    assert not refused.functions


@pytest.mark.parametrize("source", ONE_REFUSED.values(), ids=ONE_REFUSED)
def test_host_refuses_one_function_and_keeps_the_others(refusals_of: RefusalsOf, source: str) -> None:
    refused = refusals_of(f"{APP}@app.route('fine')\ndef fine{HTTP}\n{source}")
    assert not refused.app
    assert len(refused.functions) == 1
    assert "a_fine" not in refused.functions
