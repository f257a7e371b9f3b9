"""Do one thing in a fresh interpreter. It runs by path, so that nothing else is loaded before it.

`import MODULE`, `links`, `rotate`, `catch-up` or `overview`. Prints JSON: seconds, megabytes (resident afterwards),
most_megabytes (at any time), modules (SDKs loaded).

NOT_IN_AZURE names the packages to hide, because Azure does not have them.
"""

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tests.support.api import Api


def main() -> None:
    """Do what the arguments name, and print the measurements."""
    began = time.perf_counter()
    if sys.argv[1] == "links":
        answer = _links(began)
    elif sys.argv[1] == "rotate":
        answer = _rotation()
    elif sys.argv[1] == "catch-up":
        answer = _catch_up()
    elif sys.argv[1] == "overview":
        answer = _overview()
    else:
        _hide_what_azure_lacks()
        for name in sys.argv[2:]:
            __import__(name)
        answer = {"seconds": time.perf_counter() - began}
    answer["megabytes"] = _megabytes()
    answer["most_megabytes"] = _most_megabytes()
    answer["modules"] = sorted(name for name in sys.modules if _is_sdk(name))

    import json  # noqa: PLC0415 - it must not be loaded before the measured import

    sys.stdout.write(json.dumps(answer))


def _api() -> "Api":
    from tests.support.api import Api  # noqa: PLC0415 - it loads the app, which is measured

    _hide_what_azure_lacks()
    return Api()


def _hide_what_azure_lacks() -> None:
    """Hide the packages in NOT_IN_AZURE, except those that the tests themselves have loaded."""
    for name in os.environ["NOT_IN_AZURE"].split():
        sys.modules.setdefault(name, None)  # type: ignore[arg-type] # None: importing it fails


def _links(began: float) -> dict[str, object]:
    """Return the first links of a process, with the times since its start and since the request."""
    api = _api()
    requested = time.perf_counter()
    answer = api.get("ExecBackendURLs")
    answered = time.perf_counter()
    return {"seconds": answered - requested, "since_start": answered - began, "warnings": answer.results["Warnings"]}


def _rotation() -> dict[str, object]:
    """Rotate the due keys as the first call of a process, and count the outcomes."""
    api = _api()
    requested = time.perf_counter()
    answer = api.post("ExecKeyRotation", {})
    seconds = time.perf_counter() - requested
    if answer.status != 200:
        raise RuntimeError(answer.text)
    outcomes = [key["Outcome"] for key in answer.results["Keys"]]
    return {"seconds": seconds, "outcomes": {outcome: outcomes.count(outcome) for outcome in set(outcomes)}}


def _catch_up() -> dict[str, object]:
    """Do the hourly catch-up."""
    from tests.support.api import functions  # noqa: PLC0415 - it loads the app, which is measured

    _hide_what_azure_lacks()
    began = time.perf_counter()
    functions()["keyrotationcatchup"].get_user_function()(None)
    return {"seconds": time.perf_counter() - began}


def _overview() -> dict[str, object]:
    """Call ListKeyRotations twice, and time the second call."""
    api = _api()
    api.get("ListKeyRotations")
    began = time.perf_counter()
    answer = api.get("ListKeyRotations")
    return {"seconds": time.perf_counter() - began, "runs": len(answer.results["Runs"])}


def _megabytes() -> float:
    """Return the resident memory. For a child created by vfork, getrusage would return the parent's."""
    if sys.platform.startswith("linux"):
        import resource  # noqa: PLC0415 - after the measured import

        with open("/proc/self/statm", encoding="ascii") as pages:  # noqa: PTH123 - pathlib must not be loaded
            return int(pages.read().split()[1]) * resource.getpagesize() / 1e6
    import resource  # noqa: PLC0415 - after the measured import

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _most_megabytes() -> float:
    """Return the peak resident memory, measured in the same way."""
    if sys.platform.startswith("linux"):
        with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 - as above
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024 / 1e6
    return _megabytes()


def _is_sdk(name: str) -> bool:
    top, _, rest = name.partition(".")
    if top == "azure":
        return bool(rest) and rest.partition(".")[0] != "functions"
    return top in ("msal", "msgraph", "msgraph_core", "requests", "aiohttp", "httpx") or top.startswith("kiota")


main()
