"""The probes that check the parts of CIPP for the cards of the overview."""

from collections.abc import Callable
from dataclasses import dataclass

from backend.installation.results import Card, CardKind


@dataclass(frozen=True)
class Probe:
    """A check of the resources of one kind of card. It raises a `BackendError` if they can't be read.

    `shows_this_app` is whether this app is among the cards if it is in CIPP's resource group. Then the problems of this
    app's own sign-in are added to its card.
    """

    kind: CardKind
    look: Callable[[], list[Card]]
    shows_this_app: bool = False
