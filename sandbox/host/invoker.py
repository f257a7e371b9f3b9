"""Call one function as the Python worker does, and log the result."""

import asyncio
import contextvars
import inspect
import logging
import os
import sys
import time
import typing
import uuid
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from azure.functions.decorators.function_app import Function
from azure.functions.meta import Datum

from sandbox.host import signature
from sandbox.host.context import INVOCATION_ID, THREAD_LOCAL, Invocation, Trace
from sandbox.host.index import name_of

logger = logging.getLogger("host")
KILLED = "A handler raised SystemExit, which kills Azure's worker and every call in it"
THREADS_SETTING = "PYTHON_THREADPOOL_THREAD_COUNT"


class InvocationFailedError(Exception):
    """The invocation failed. The failure is already logged."""


@dataclass(frozen=True)
class Invoker:
    """Calls handlers: `def` in the pool's threads, `async def` on the event loop."""

    pool: ThreadPoolExecutor
    timeout: timedelta | None

    async def invoke(self, function: Function, datum: Datum, reason: str, trace: Trace | None = None) -> Datum | None:
        """Pass the trigger's datum to the handler, and return its encoded result.

        Raises:
            InvocationFailedError: The handler raised, or returned a value that its binding can't send.
        """
        handler = function.get_user_function()
        name = name_of(function)
        directory = str(Path(inspect.getfile(handler)).parent)
        invocation = Invocation(str(uuid.uuid4()), name, directory, trace or Trace())
        token = INVOCATION_ID.set(invocation.id)
        started = time.perf_counter()
        try:
            returned = await self._call(handler, _arguments(function, datum, invocation))
            result = _encoded(function, returned)
        except Exception as error:
            logger.exception("%s failed in %.0f ms (%s): %s", name, _since(started), reason, type(error).__name__)
            raise InvocationFailedError(name) from error
        else:
            status = "" if result is None or result.type != "http" else f" -> {result.value['status_code'].value}"
            logger.info("%s succeeded in %.0f ms (%s)%s", name, _since(started), reason, status)
            return result
        finally:
            INVOCATION_ID.reset(token)

    async def _call(self, handler: Callable[..., object], arguments: Mapping[str, object]) -> object:
        if inspect.iscoroutinefunction(handler):
            task: asyncio.Future[object] = asyncio.ensure_future(_on_loop(handler, arguments))
        else:
            loop = asyncio.get_running_loop()
            within = contextvars.copy_context()
            task = loop.run_in_executor(self.pool, lambda: within.run(_in_thread, handler, arguments))
        done, _ = await asyncio.wait({task}, timeout=self.timeout.total_seconds() if self.timeout else None)
        if not done:
            _end_process(f"A function ran longer than functionTimeout ({self.timeout}): Azure kills its worker", 1)
        return task.result()


def thread_pool(environ: Mapping[str, str]) -> ThreadPoolExecutor:
    """Return a thread pool of the size that the worker would use."""
    wanted = environ.get(THREADS_SETTING, "")
    if wanted and not (wanted.isdecimal() and int(wanted) >= 1):
        logger.warning("%s must be a number above 0. Its value is ignored.", THREADS_SETTING)
        wanted = ""
    return ThreadPoolExecutor(max_workers=int(wanted) if wanted else None)


async def _on_loop(handler: Callable[..., Awaitable[object]], arguments: Mapping[str, object]) -> object:
    try:
        return await handler(**arguments)
    except SystemExit as ended:
        _end_process(KILLED, ended.code)


def _in_thread(handler: Callable[..., object], arguments: Mapping[str, object]) -> object:
    THREAD_LOCAL.invocation_id = INVOCATION_ID.get()
    try:
        return handler(**arguments)
    except SystemExit as ended:
        _end_process(KILLED, ended.code)
    finally:
        THREAD_LOCAL.invocation_id = None


def _arguments(function: Function, datum: Datum, invocation: Invocation) -> dict[str, object]:
    handler = function.get_user_function()
    trigger = function.get_trigger()
    if trigger is None:
        raise TypeError("the function has no trigger")
    if typing.get_type_hints(handler).get(trigger.name) in (str, bytes):
        if datum.type != "json":
            raise ValueError('unexpected type of data received for the "generic" binding', datum.type)
        value = datum.value
    else:
        value = signature.converter(trigger.type).decode(datum, trigger_metadata={})
    arguments = {trigger.name: value}
    if signature.takes_context(handler) and signature.CONTEXT not in arguments:
        arguments[signature.CONTEXT] = invocation
    return arguments


def _encoded(function: Function, returned: object) -> Datum | None:
    output = next((one for one in function.get_bindings() if one.name == signature.RETURN), None)
    if output is None:
        if returned is not None:
            raise RuntimeError(f"function '{name_of(function)}' without a $return binding returned a non-None value")
        return None
    try:
        encoded: Datum = signature.converter(output.type).encode(returned, expected_type=None)
    except NotImplementedError as error:
        raise TypeError(
            f'unable to encode outgoing TypedData: unsupported type "{output.type}" '
            f'for Python type "{type(returned).__name__}"'
        ) from error
    return encoded


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000


def _end_process(why: str, code: object) -> typing.NoReturn:
    logger.critical("%s. This host exits, too.", why, exc_info=sys.exc_info()[0] is not None)
    logging.shutdown()
    os._exit(code if isinstance(code, int) else int(code is not None))
