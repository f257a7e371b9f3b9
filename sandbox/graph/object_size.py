"""The maximum size of an application in Entra.

Microsoft documents at most 1,200 entries in an application's manifest (Microsoft Entra service limits and
restrictions): the sum over its collections, credentials among them (MicrosoftDocs/azure-docs#27558). The error is as
people pasted it: microsoftgraph/microsoft-graph-docs#21469, where the limit was reached with 600 certificates, and
openshift/openshift-azure#1932. None of this was run against real Azure.
"""

from collections.abc import Mapping
from typing import Final

from sandbox.application import Application
from sandbox.graph.errors import GraphError

_MOST_ENTRIES: Final = 1_200


def check_size(app: Application) -> None:
    """Accept a changed application if it is not too large.

    Raises:
        GraphError: 403. It has too many entries.
    """
    if len(app.passwords) + len(app.keys) + _entries(app.properties) > _MOST_ENTRIES:
        raise GraphError(
            403,
            "Directory_ResourceSizeExceeded",
            "The size of the object has exceeded its limit. Please reduce the number of values and retry your request.",
        )


def _entries(value: object) -> int:
    if isinstance(value, Mapping):
        return sum(_entries(member) for member in value.values())
    if isinstance(value, list):
        return len(value) + sum(_entries(member) for member in value)
    return 0
