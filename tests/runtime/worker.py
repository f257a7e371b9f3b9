"""Microsoft's worker library with an app, without a Functions host: `python -I -S worker.py APP RUNTIME`.

APP is an unpacked package, and RUNTIME the folder of azure-functions-runtime. Only these and the standard library are
on the path. The library takes the classes of the host's messages as a parameter, so neither gRPC nor its protocol files
are needed: `Message` stands in for all of them.

The first line of the output is what the worker indexed. Then, for each line of the input (a function's name with its
HTTP request or its timer), one line is what it returned. Logs go to the standard error output.
"""

import asyncio
import base64
import importlib
import json
import logging
import os
import sys
import uuid
from types import SimpleNamespace
from typing import Any

Json = dict[str, Any]


class Message:
    """A message with any fields, of which those that are not set read as None."""

    def __init__(self, **fields: object) -> None:
        self.__dict__.update(fields)

    def __getattr__(self, name: str) -> None:
        if name[0].isupper() or name.startswith("__"):  # the name of a class, not of a field
            raise AttributeError(name)

    def WhichOneof(self, _group: str) -> str | None:  # noqa: N802 - protobuf's name
        """Return the field that is set."""
        return next((name for name, value in self.__dict__.items() if name != "name" and value is not None), None)


class StatusResult(Message):
    """The status of a response."""

    Failure, Success = 0, 1


class BindingInfo(Message):
    """A binding, with the directions and types of data that a binding may have."""

    inout, out, undefined = 2, 1, 0


class Protos:
    """The classes of the messages by their names."""

    StatusResult, BindingInfo = StatusResult, BindingInfo

    def __getattr__(self, name: str) -> type[Message]:
        if name.startswith("_"):
            raise AttributeError(name)
        return Message


class Worker:
    """Microsoft's worker, called as the host calls it."""

    def __init__(self, app: str, runtime: str) -> None:
        site_packages = os.path.join(app, ".python_packages", "lib", "site-packages")  # noqa: PTH118 - nothing is loaded here that the app might load
        sys.path[:0] = [app, site_packages, runtime]
        os.chdir(app)
        self._library: Any = importlib.import_module("azure_functions_runtime")
        self._app = app
        self._ids: dict[str, str] = {}

    async def start(self) -> Json:
        """Index the app as at the start of a process, and return its functions and the refusals."""
        self._library.start_threadpool_executor()
        request = Message(capabilities={}, function_app_directory=self._app)
        started = await self._send("worker_init_request", request)
        refused = {"the app": _failure(started)} if _failure(started) else {}
        listed = await self._send("functions_metadata_request", Message(function_app_directory=self._app))
        functions: dict[str, list[Json]] = {}
        for function in listed.function_metadata_results or []:
            self._ids[function.name] = function.function_id
            functions[function.name] = [json.loads(binding) for binding in function.raw_bindings]
            loaded = await self._send(
                "function_load_request", Message(function_id=function.function_id, metadata=function)
            )
            if _failure(loaded):
                refused[function.name] = _failure(loaded)
        return {"functions": functions, "refused": refused}

    async def invoke(self, call: Json) -> Json:
        """Call a function as its trigger does, and return its response."""
        if "http" in call:
            http = call["http"] | {"body": Message(bytes=call["http"]["body"].encode())}
            binding = Message(name="req", data=Message(http=Message(**http)))
        else:
            binding = Message(name="timer", data=Message(json=json.dumps(call["timer"])))
        request = Message(
            invocation_id=str(uuid.uuid4()),
            function_id=self._ids[call["function"]],
            input_data=[binding],
            trace_context=Message(trace_parent="", trace_state="", attributes={}),
            retry_context=Message(),
        )
        response = await self._send("invocation_request", request)
        if _failure(response):
            return {"failure": _failure(response)}
        if response.return_value is None:
            return {}
        returned = response.return_value.http
        body = base64.b64encode(returned.body.bytes or b"").decode() if returned.body else ""
        return {"status": int(returned.status_code), "headers": returned.headers, "body": body}

    async def _send(self, name: str, content: Message) -> Any:  # noqa: ANN401 - Microsoft's own
        properties = {"host": "127.0.0.1", "protos": Protos()}
        return await getattr(self._library, name)(
            SimpleNamespace(request=Message(**{name: content}), properties=properties)
        )


def _failure(response: Message) -> str:
    """Return what a response states as its failure, "" for a success."""
    result: Any = response.result
    if result.status == StatusResult.Success:
        return ""
    return f"{result.exception.message}\n{result.exception.stack_trace}"


def memory() -> Json:
    """Return the resident memory of this process in MB, now and at its peak."""
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 - as above
        kilobytes = {
            name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in status) if name[:2] == "Vm"
        }
    return {"megabytes": kilobytes["VmRSS"] * 1024 / 1e6, "most_megabytes": kilobytes["VmHWM"] * 1024 / 1e6}


async def main() -> None:
    """Start the worker, and call its functions until the input ends."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as output:
        os.dup2(2, 1)  # what the app prints must not be read as a response
        logging.basicConfig(stream=sys.stderr, level=logging.INFO)
        worker = Worker(*sys.argv[1:3])
        output.write(json.dumps(await worker.start() | memory()) + "\n")
        output.flush()
        while line := await asyncio.to_thread(sys.stdin.readline):
            output.write(json.dumps(await worker.invoke(json.loads(line)) | memory()) + "\n")
            output.flush()


if __name__ == "__main__":
    asyncio.run(main())
