"""The start of the sandbox's clock: an ordinary time for the tests, and unusual ones for a soak."""

import os
from typing import Final

VARIABLE: Final = "SANDBOX_START"  # an ISO 8601 time with a zone, in place of the ordinary one
ORDINARY: Final = "2026-09-16T12:10:00Z"  # a Wednesday
# No time is seconds before the end of a week or a day: most tests read twice, on the same side of such a boundary.
STARTS: Final = {
    "a Monday's last hour": "2026-09-14T23:30:00Z",
    "a Tuesday's last hour": "2026-09-15T23:30:00Z",
    "a Wednesday's last hour": "2026-09-16T23:30:00Z",
    "a Thursday's last hour": "2026-09-17T23:30:00Z",
    "a Friday's last hour": "2026-09-18T23:30:00Z",
    "a Saturday's last hour": "2026-09-19T23:30:00Z",
    "a Sunday's last hour": "2026-09-20T23:30:00Z",
    "a Saturday, when it is Sunday in Tokyo": "2026-09-19T15:30:00Z",
    "seconds after a week began": "2026-09-20T00:00:01Z",
    "Europe before summer time": "2027-03-28T00:59:40Z",
    "Europe before winter time": "2026-10-25T00:59:40Z",
    "New York before summer time": "2027-03-14T06:59:40Z",
    "New York before winter time": "2026-11-01T05:59:40Z",
    "the eve of a leap day": "2028-02-28T23:30:00Z",
    "a leap day": "2028-02-29T12:10:00Z",
    "a year's last hour": "2026-12-31T23:30:00Z",
    "a year's last hour, on a Sunday": "2028-12-31T23:30:00Z",
    "a month's first second": "2027-02-01T00:00:01Z",
    "years ago": "2015-06-17T12:10:00Z",
    "after 2038, when seconds need more than 31 bits": "2038-01-23T23:30:00Z",
}


def start() -> str:
    """Return the start time of the sandbox's clock after every reset, unless the test gives another."""
    return os.environ.get(VARIABLE) or ORDINARY
