"""An app with every kind of function that the host serves."""
# ruff: noqa: ARG001 - each parameter has the name of a binding

import asyncio
import json
import logging
import threading
import time

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
runs: list[dict[str, object]] = []


@app.route("echo/{id:int}/{*rest}")
def echo(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    seen = {
        "method": req.method,
        "url": req.url,
        "headers": dict(req.headers),
        "params": dict(req.params),
        "route_params": dict(req.route_params),
        "body": req.get_body().decode(),
        "function_name": context.function_name,
        "trace_parent": context.trace_context.trace_parent,
        "retry_count": context.retry_context.retry_count,
        # azure-functions declares type[local]
        "id_in_thread": vars(context.thread_local_storage)["invocation_id"] == context.invocation_id,
        "main_thread": threading.current_thread() is threading.main_thread(),
    }
    return func.HttpResponse(json.dumps(seen), mimetype="application/json")


@app.route("item/{id:guid}", methods=["GET"])
def a_guid(req: func.HttpRequest) -> str:
    return f"guid {req.route_params['id']}"


@app.route("item/{name?}", methods=["GET"])
def b_name(req: func.HttpRequest) -> str:
    return f"name {req.route_params.get('name')}"


@app.route("item/special", methods=["GET"])
def c_shadowed(req: func.HttpRequest) -> str:
    return "never reached: b_name is first by name"


@app.route("returns/{kind}", methods=["GET", "POST"])
def returns(req: func.HttpRequest) -> func.HttpResponse:
    kinds: dict[str, object] = {
        "str": "text",
        "json": '{"a": 1}',
        "object": '{"body": "inner", "statusCode": 202, "headers": {"x-a": "1"}}',
        "bytes": b"bytes",
        "dict": {},
        "none": None,
        "response": func.HttpResponse("made", status_code=418, headers={"x-a": "1"}),
        "empty": func.HttpResponse(status_code=204),
        "cookie": func.HttpResponse("c", headers={"Set-Cookie": "a=1; Path=/; HttpOnly"}),
    }
    return kinds[req.route_params["kind"]]  # type: ignore[return-value]  # invalid values are intended


@app.route("asynchronous")
async def asynchronous(req: func.HttpRequest) -> func.HttpResponse:
    await asyncio.sleep(0)
    return func.HttpResponse(str(threading.current_thread() is threading.main_thread()))


@app.route("takes_text")
def takes_text(req: str) -> func.HttpResponse:
    return func.HttpResponse(req)


@app.route("slow")
def slow(req: func.HttpRequest) -> func.HttpResponse:
    time.sleep(30)
    return func.HttpResponse("")


@app.route("takes/{milliseconds:int}")
def takes(req: func.HttpRequest) -> func.HttpResponse:
    time.sleep(int(req.route_params["milliseconds"]) / 1000)
    return func.HttpResponse("late")


@app.route("takes_async/{milliseconds:int}")
async def takes_async(req: func.HttpRequest) -> func.HttpResponse:
    await asyncio.sleep(int(req.route_params["milliseconds"]) / 1000)
    return func.HttpResponse("late")


@app.route("exit/{how}")
def leave(req: func.HttpRequest) -> func.HttpResponse:
    raise SystemExit(7)


@app.route("exit_async")
async def leave_async(req: func.HttpRequest) -> func.HttpResponse:
    raise SystemExit(8)


@app.route("runs", methods=["GET"])
def ran(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(runs))


@app.timer_trigger(arg_name="timer", schedule="* * * * * *")
def every_second(timer: func.TimerRequest) -> None:
    note("every_second", timer)
    time.sleep(1.5)
    runs[-1]["ended"] = time.time()


@app.timer_trigger(arg_name="timer", schedule="%WEEKLY%")
def weekly(timer: func.TimerRequest) -> None:
    note("weekly", timer)


@app.timer_trigger(arg_name="timer", schedule="10:00:00", run_on_startup=True)
async def at_start(timer: func.TimerRequest) -> None:
    note("at_start", timer)


@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *")
def returns_something(timer: func.TimerRequest):  # type: ignore[no-untyped-def]  # noqa: ANN201 - the host must refuse its value when called
    logging.getLogger("app").info("returns_something runs")
    return "something"


@app.route("Admin/x", methods=["GET"])
def refused(req: func.HttpRequest) -> str:
    return "the host refuses this route"


def note(name: str, timer: func.TimerRequest) -> None:
    status = timer.schedule_status  # type: ignore[attr-defined]  # the abstract class lacks it
    runs.append({"name": name, "at": time.time(), "past_due": timer.past_due, "status": status})
