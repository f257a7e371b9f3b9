"""The users of a tenant, and their groups."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class User:
    """The account that consented. Delegated tokens act for it."""

    id: str
    name: str  # user principal name


@dataclass(frozen=True)
class Person:
    """A user as Graph shows it. `type` distinguishes guests from members."""

    id: str
    name: str  # user principal name
    display_name: str
    tenant_id: str
    type: Literal["Member", "Guest"] = "Member"


@dataclass
class Group:
    """A security group. Its members are users and other groups, by ID."""

    id: str
    display_name: str
    tenant_id: str
    members: set[str] = field(default_factory=set)


@dataclass
class People:
    """All users and groups, by ID."""

    persons: dict[str, Person] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)

    def add(self, *, persons: Iterable[Person] = (), groups: Iterable[Group] = ()) -> None:
        """Add users and groups."""
        self.persons.update({person.id: person for person in persons})
        self.groups.update({group.id: group for group in groups})

    def person(self, name: str, tenant_id: str) -> Person | None:
        """Find a user of the tenant by ID or user principal name (case-insensitive)."""
        wanted = name.lower()
        return next(
            (p for p in self.persons.values() if p.tenant_id == tenant_id and wanted in (p.id, p.name.lower())), None
        )

    def groups_of(self, member: str) -> set[str]:
        """Return the IDs of the groups of a user or group, direct and nested."""
        found: set[str] = set()
        looking = [member]
        while looking:
            one = looking.pop()
            direct = {group.id for group in self.groups.values() if one in group.members} - found
            found |= direct
            looking += direct
        return found
