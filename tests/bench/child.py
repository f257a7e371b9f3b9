"""A fresh interpreter that does one thing; run by path, so that nothing else is loaded before it.

`import MODULE` or `links`; prints JSON: seconds, megabytes (resident afterwards), modules (SDKs loaded).
"""

import sys
import time


def main() -> None:
    """Do what the arguments say, and print what it took."""
    began = time.perf_counter()
    if sys.argv[1] == "links":
        answer = _links(began)
    else:
        for name in sys.argv[2:]:
            __import__(name)
        answer = {"seconds": time.perf_counter() - began}
    answer["megabytes"] = _megabytes()
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


def _megabytes() -> float:
    """Answer the resident memory; getrusage would tell the parent's where the child was vforked."""
    if sys.platform.startswith("linux"):
        import resource  # noqa: PLC0415 - after the measured import

        with open("/proc/self/statm", encoding="ascii") as pages:  # noqa: PTH123 - pathlib is not to be loaded
            return int(pages.read().split()[1]) * resource.getpagesize() / 1e6
    import resource  # noqa: PLC0415 - after the measured import

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _is_sdk(name: str) -> bool:
    top, _, rest = name.partition(".")
    if top == "azure":
        return bool(rest) and rest.partition(".")[0] != "functions"
    return top in ("msal", "msgraph", "msgraph_core", "requests", "aiohttp", "httpx") or top.startswith("kiota")


main()
