"""`python -m sandbox.host`: index the app in a folder as Azure does, and serve it on localhost."""

import argparse
import asyncio
import logging
import math
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from azure.functions.decorators.function_app import Function

from sandbox.host import host_file, index, port, principal, timers, worker
from sandbox.host.admin import Admin
from sandbox.host.context import INVOCATION_ID
from sandbox.host.front_end import REQUEST_SECONDS
from sandbox.host.http_functions import HttpFunctions, Route, routes_of
from sandbox.host.invoker import Invoker, thread_pool
from sandbox.host.server import Host
from sandbox.host.sign_in import role_of_sign_in

logger = logging.getLogger("host")


def main() -> int:
    """Serve until Ctrl-C. Return 0 if the app was served."""
    arguments = _arguments()
    try:
        sockets = port.listen(arguments.port)
    except port.PortInUseError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    root = arguments.root.resolve()
    os.chdir(root)
    os.environ["AZURE_FUNCTIONS_ENVIRONMENT"] = "Development"
    _log_to_stderr()
    try:
        settings = host_file.read(root)
        functions = worker.functions_of(root)
    except (host_file.HostFileError, worker.AppRefusedError) as error:
        logger.critical("%s", error, exc_info=error.__cause__)
        return 1
    refusals = index.refusals(functions, os.environ, settings.route_prefix)
    for sentence in refusals.app:
        logger.critical("%s The worker refuses the whole app.", sentence)
    if refusals.app:
        return 1
    accepted = [function for function in functions if index.name_of(function) not in refusals.functions]
    routes = routes_of(accepted, settings.route_prefix)
    plans = timers.timers_of(accepted, os.environ)
    served = [*(route.function for route in routes), *(plan.function for plan in plans)]
    left_out = [function for function in accepted if function not in served]
    _log_functions(arguments.port, routes, plans, left_out, refusals)
    _log_caller(arguments.role)
    invoker = Invoker(thread_pool(os.environ), settings.function_timeout)
    http = HttpFunctions(routes, invoker, principal.principal(arguments.role), os.environ)
    host = Host(http, Admin(served, plans, invoker), plans, role_of_sign_in(arguments.role), arguments.request_seconds)
    asyncio.run(host.serve(sockets))
    logging.shutdown()
    # The pool's threads may be busy. As in Azure, running functions are stopped.
    os._exit(0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox.host", description=__doc__)
    parser.add_argument("--port", type=int, default=port.DEFAULT)
    parser.add_argument(
        "--as", dest="role", default="superadmin", help=f"the caller's role, or '{principal.NOBODY}' for no caller"
    )
    parser.add_argument("--root", type=Path, default=Path(), help="the folder of function_app.py")
    parser.add_argument(
        "--request-seconds", type=_seconds, default=REQUEST_SECONDS, help="time limit of a request, as on Azure"
    )
    return parser.parse_args()


def _seconds(text: str) -> float:
    """Return a time in seconds. `argparse` reports a ValueError as an invalid argument."""
    seconds = float(text)
    if not 0 < seconds < math.inf:
        raise ValueError(text)
    return seconds


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)-8s %(call)s%(name)s: %(message)s")
    formatter.converter = time.gmtime
    formatter.default_time_format = formatter.datefmt = "%Y-%m-%dT%H:%M:%S"
    handler.setFormatter(formatter)
    handler.addFilter(_name_call)
    # Set INFO before the app is imported, as the worker does.
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


def _name_call(record: logging.LogRecord) -> bool:
    invocation_id = INVOCATION_ID.get()
    record.call = f"[{invocation_id[:8]}] " if invocation_id else ""
    return True


def _log_functions(
    on_port: int,
    routes: Sequence[Route],
    plans: Sequence[timers.Timer],
    left_out: Sequence[Function],
    refusals: index.Refusals,
) -> None:
    for route in routes:
        methods = ",".join(sorted(route.methods)) or "any method"
        address = f"http://localhost:{on_port}/{route.template.text}"
        logger.info("%s: [%s] %s", index.name_of(route.function), methods, address)
    for plan in plans:
        logger.info("%s", timers.described(plan))
    for function in left_out:
        logger.error("%s is not served: this host only runs HTTP and timer functions.", index.name_of(function))
    for name, reasons in refusals.functions.items():
        for reason in reasons:
            logger.error("The host refuses the function %s: %s", name, reason)


def _log_caller(role: str) -> None:
    if role == principal.NOBODY:
        logger.info("The host adds no caller to requests.")
    else:
        logger.info("The caller of a request without %s is %s@localhost, role %s.", principal.HEADER, role, role)


if __name__ == "__main__":
    sys.exit(main())
