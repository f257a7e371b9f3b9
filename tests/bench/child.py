"""A fresh interpreter that does one thing; run by path, so that nothing else is loaded before it.

`import MODULE`, `links`, `rotate`, `catch-up` or `overview`. Prints JSON: seconds, megabytes (resident afterwards),
most_megabytes (at any time), modules (SDKs loaded).
"""

import sys
import time


def main() -> None:
    """Do what the arguments say, and print what it took."""
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
        for name in sys.argv[2:]:
            __import__(name)
        answer = {"seconds": time.perf_counter() - began}
    answer["megabytes"] = _megabytes()
    answer["most_megabytes"] = _most_megabytes()
    answer["modules"] = sorted(name for name in sys.modules if _is_sdk(name))

    import json  # noqa: PLC0415 - what is measured must not find it loaded

    sys.stdout.write(json.dumps(answer))


def _links(began: float) -> dict[str, object]:
    """Answer the first links of a process: from its start, and from the request."""
    from tests.api import Api  # noqa: PLC0415 - it loads the app, which is measured

    api = Api()
    asked = time.perf_counter()
    answer = api.get("ExecBackendURLs")
    answered = time.perf_counter()
    return {"seconds": answered - asked, "since_start": answered - began, "warnings": answer.results["Warnings"]}


def _rotation() -> dict[str, object]:
    """Rotate whatever is due, as the first call of a process; count the outcomes."""
    from tests.api import Api  # noqa: PLC0415 - it loads the app, which is measured

    api = Api()
    asked = time.perf_counter()
    answer = api.post("ExecKeyRotation", {})
    seconds = time.perf_counter() - asked
    if answer.status != 200:
        raise RuntimeError(answer.text)
    outcomes = [key["Outcome"] for key in answer.results["Keys"]]
    return {"seconds": seconds, "outcomes": {outcome: outcomes.count(outcome) for outcome in set(outcomes)}}


def _catch_up() -> dict[str, object]:
    """Do the hourly catch-up."""
    from tests.api import functions  # noqa: PLC0415 - it loads the app, which is measured

    began = time.perf_counter()
    functions()["keyrotationcatchup"].get_user_function()(None)
    return {"seconds": time.perf_counter() - began}


def _overview() -> dict[str, object]:
    """Call ListKeyRotations twice, and time the second call."""
    from tests.api import Api  # noqa: PLC0415 - it loads the app, which is measured

    api = Api()
    api.get("ListKeyRotations")
    began = time.perf_counter()
    answer = api.get("ListKeyRotations")
    return {"seconds": time.perf_counter() - began, "runs": len(answer.results["Runs"])}


def _megabytes() -> float:
    """Answer the resident memory; getrusage would tell the parent's where the child was vforked."""
    if sys.platform.startswith("linux"):
        import resource  # noqa: PLC0415 - after the measured import

        with open("/proc/self/statm", encoding="ascii") as pages:  # noqa: PTH123 - pathlib is not to be loaded
            return int(pages.read().split()[1]) * resource.getpagesize() / 1e6
    import resource  # noqa: PLC0415 - after the measured import

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _most_megabytes() -> float:
    """Answer the most resident memory that there ever was, by the same rule."""
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
