"""What this installation may change, by the settings ENABLE_CONTROLS and ENABLE_ROTATION of its deployment. Pure.

The deployment writes both settings, and grants the permissions that belong to them. Without its option, an installation
observes: it reads, checks, alerts and makes dry runs. A setting that is missing allows the change, because earlier
installations don't have it. A value other than true, such as a blank one, does not.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal, Self

import msgspec

from backend.errors import ConflictError

ModeName = Literal["observe", "controls", "rotation", "controls and rotation"]


class Option(StrEnum):
    """A group of changes that the deployment allows.

    - `CONTROLS`: start, stop, restart, settings and updates of CIPP's apps, its domains and its users.
    - `ROTATION`: new keys, and changes of the vault's secrets.
    """

    CONTROLS = "controls"
    ROTATION = "rotation"

    @property
    def setting(self) -> str:
        """The setting of this app that enables it."""
        return _SETTINGS[self]

    @property
    def parameter(self) -> str:
        """The parameter of the deployment's template that enables it and grants its permissions."""
        return f"enable{self.value.capitalize()}"

    @property
    def advice(self) -> str:
        """What to do, so that this installation has the option and its permissions."""
        return f"The option {self.parameter} of the deployment grants it: docs/deploy.md#allow-changes."


_SETTINGS: Final = {Option.CONTROLS: "ENABLE_CONTROLS", Option.ROTATION: "ENABLE_ROTATION"}
SETTINGS: Final = tuple(_SETTINGS.values())


class NotEnabledError(ConflictError):
    """The deployment of this installation does not allow a change. Dry runs work."""

    def __init__(self, action: str, option: Option) -> None:
        super().__init__(
            f"Couldn't {action}: this installation does not allow changes of this kind ({option.setting}).",
            advice=option.advice,
        )


class Mode(msgspec.Struct, frozen=True):
    """The options that this installation has."""

    options: frozenset[Option] = frozenset(Option)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self:
        """Return the mode by the settings. A missing setting counts as true."""
        texts = {option: environ.get(option.setting, "true").strip().lower() for option in Option}
        return cls(frozenset(option for option, text in texts.items() if text == "true"))

    def allows(self, option: Option) -> bool:
        """Return whether this installation has an option."""
        return option in self.options

    def must_allow(self, option: Option, action: str) -> None:
        """Raise unless this installation has an option. `action` completes "Couldn't ...".

        Raises:
            NotEnabledError: It does not have the option.
        """
        if not self.allows(option):
            raise NotEnabledError(action, option)

    @property
    def name(self) -> ModeName:
        """The mode in a word."""
        if self.allows(Option.CONTROLS):
            return "controls and rotation" if self.allows(Option.ROTATION) else "controls"
        return "rotation" if self.allows(Option.ROTATION) else "observe"

    @property
    def notes(self) -> list[str]:
        """A sentence for each option that this installation lacks."""
        lacking = [option for option in Option if not self.allows(option)]
        return [f"{_LACKS[option]} {option.advice}" for option in lacking]


_LACKS: Final = {
    Option.CONTROLS: "Changes of CIPP's apps, settings, domains and users are off.",
    Option.ROTATION: "The rotation, and changes of the vault's secrets, are off. The timers only check the keys.",
}
