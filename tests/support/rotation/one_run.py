"""Week's runs as processes of their own, which a test can kill: each line read starts one, with the settings in it.

All imports are done once; a run is a fork of this process, which has no other threads. Written is first the run's
process id, then, when it ended, its exit code or the negative number of the signal that ended it.
"""

import json
import os
import sys

import azure.data.tables
import azure.identity
import azure.keyvault.secrets
import azure.mgmt.web  # noqa: F401 - imported once, for all forks
import msal  # noqa: F401 - the same
import msgraph.graph_service_client  # noqa: F401 - the same

from tests.support.api import functions
from tests.support.rotation.lag import shorten_for_good


def main() -> None:
    """Start a run for each line, one after another."""
    weekly = functions()["weeklykeyrotation"].get_user_function()
    for line in sys.stdin:
        if not (child := os.fork()):
            os.environ.update(json.loads(line))
            shorten_for_good(os.environ)
            weekly(None)
            os._exit(0)
        _tell(child)
        _tell(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def _tell(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
