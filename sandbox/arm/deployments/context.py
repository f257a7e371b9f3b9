"""What an expression can refer to."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from sandbox.arm.deployments.scope import DeploymentScope
from sandbox.arm.deployments.values import Value
from sandbox.clouds import Cloud


class Lookups(Protocol):
    """Reads resources for `reference()` and the `list...()` functions."""

    @property
    def is_early(self) -> bool:
        """Whether it is before the deployment, which may change what is read."""
        ...

    def reference(self, name: str, version: str | None, *, full: bool, text: str) -> Value:
        """Return the properties of a resource, or the whole of it."""
        ...

    def listed(self, function: str, name: str, version: str, body: Value, text: str) -> Value:
        """Return what a list action of a resource returns, such as `listKeys`."""
        ...


@dataclass(frozen=True)
class CopyIndex:
    """One round of a copy loop."""

    name: str
    index: int


@dataclass
class Variables:
    """The variables of a template. Each is evaluated when it is first used."""

    raw: Mapping[str, Any] = field(default_factory=dict)
    known: dict[str, Value] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Context:
    """The surroundings of an expression. A function that is not allowed there is None."""

    scope: DeploymentScope  # of `resourceGroup()` and `resourceId()`
    target: DeploymentScope  # to which it deploys, which differs only in a nested template of outer scope
    now: datetime
    cloud: Cloud
    deployment: dict[str, Any]
    subscription: dict[str, Any]
    group: dict[str, Any] | None
    parameters: Mapping[str, Value] | None = None  # by lower-case name
    variables: Variables | None = None
    lookups: Lookups | None = None  # None: `reference()` is not allowed here
    copies: tuple[CopyIndex, ...] = ()
    is_default: bool = False  # a parameter's default, in which the time may be used

    def without_lookups(self) -> "Context":
        """Return the context of a place in which `reference()` is not allowed."""
        return replace(self, lookups=None)

    def in_copy(self, name: str, index: int) -> "Context":
        """Return the context of one round of a copy loop."""
        return replace(self, copies=(*self.copies, CopyIndex(name, index)))
