"""The calls for locks: list, show, create and remove."""

from typing import Final

from starlette.responses import JSONResponse, Response

from sandbox.arm.access import is_within
from sandbox.arm.call import Call
from sandbox.arm.errors import refused
from sandbox.arm.gateway import Operation
from sandbox.arm.locks import LEVELS, Lock

_LOCKS: Final = "/{scope:path}/providers/Microsoft.Authorization/locks"


def _scope(call: Call) -> str:
    return f"/{call.params['scope']}"


def _list(call: Call) -> Response:
    """List the locks at the scope and below it."""
    found = [lock.shown() for lock in call.arm.locks.values() if is_within(lock.scope, _scope(call))]
    return JSONResponse({"value": found})


def _find(call: Call) -> Lock | None:
    return call.arm.locks.get(f"{_scope(call)}/{call.params['name']}".lower())


def _get(call: Call) -> Response:
    lock = _find(call)
    if lock is None:
        raise refused(404, "LockNotFound", f"The lock '{call.params['name']}' could not be found.")
    return JSONResponse(lock.shown())


def _put(call: Call) -> Response:
    level = call.properties.get("level")
    if level not in LEVELS:
        raise refused(400, "InvalidLockLevel", f"The lock level '{level}' is not valid.")
    known = _find(call)
    lock = Lock(call.params["name"], _scope(call), level, call.properties.get("notes"))
    call.arm.locks[f"{lock.scope}/{lock.name}".lower()] = lock
    return JSONResponse(lock.shown(), 200 if known else 201)


def _delete(call: Call) -> Response:
    lock = _find(call)
    if lock is None:
        return Response(status_code=204)
    del call.arm.locks[f"{lock.scope}/{lock.name}".lower()]
    return Response(status_code=200)


OPERATIONS: Final = (
    Operation("GET", _LOCKS, _list),
    Operation("GET", f"{_LOCKS}/{{name}}", _get),
    Operation("PUT", f"{_LOCKS}/{{name}}", _put),
    Operation("DELETE", f"{_LOCKS}/{{name}}", _delete),
)
