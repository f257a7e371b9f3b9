"""Who may run CIPP's migration script, and who can sign in after it. Pure.

Source: the contract of CIPP as a container, sections 6 and 9. Never run against real Azure.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from backend.access.allowed_users import TABLE
from backend.access.roles import BASE
from backend.hosting.results.migration import Finding, MovedUser
from backend.hosting.results.static_web_app import User
from backend.installation.granted import Permissions, allowed

SUPERADMIN: Final = "superadmin"
RENAMED: Final = {"full editor": "fulleditor"}  # the only role that the script renames
ASSIGN: Final = "Microsoft.Authorization/roleAssignments/write"
MAY_RUN: Final = (ASSIGN, "Microsoft.Web/sites/delete")
READY: Final = ("secrets_stored", "complete")  # the states of the sign-in's setup with which the script goes on
_SETUP: Final = "On CIPP's page of SSO, set up the sign-in first."


@dataclass(frozen=True)
class MayRun:
    """Whether the caller has each permission, None if unknown. `on_condition` is what depends on a role's condition."""

    actions: Mapping[str, bool | None] = field(default_factory=lambda: dict.fromkeys(MAY_RUN))
    on_condition: Sequence[str] = ()


def may_run_by(plain: Permissions, conditional: Permissions) -> MayRun:
    """Return what the permissions of the roles without and with a condition include.

    A condition can limit which roles may be assigned. It is not evaluated, so it shows nothing about `ASSIGN`.
    """
    every = [*plain, *conditional]
    actions: dict[str, bool | None] = {action: allowed(every, action) for action in MAY_RUN}
    if actions[ASSIGN] and not allowed(plain, ASSIGN):
        return MayRun({**actions, ASSIGN: None}, [ASSIGN])
    return MayRun(actions)


def moved(user: User, custom_roles: Collection[str]) -> MovedUser:
    """Return a user as the script writes it into CIPP's table. `custom_roles` are names in lower case."""
    known = {*BASE, *custom_roles}
    names = {role: RENAMED.get(role.lower(), role) for role in user.roles}
    after = [name for name in names.values() if name.lower() in known]
    if any(role.lower() == SUPERADMIN for role in after):
        after = [SUPERADMIN]
    problem = None
    if "@" not in user.display_name:
        problem, after = "The name is not an e-mail address, so the script leaves the user out.", []
    elif user.roles and not after:
        problem = f"None of the roles exists in CIPP: {', '.join(user.roles)}. The user loses access."
    elif lost := [role for role, name in names.items() if name not in after and after != [SUPERADMIN]]:
        problem = f"These roles don't exist in CIPP and are lost: {', '.join(lost)}."
    return MovedUser(
        name=user.display_name, provider=user.provider, roles=user.roles, roles_after=after, problem=problem
    )


def findings_on_users(users: Sequence[MovedUser]) -> Iterator[Finding]:
    """Yield what the users lose."""
    if not any(SUPERADMIN in user.roles_after for user in users):
        yield Finding(
            severity="Blocking",
            part="Users",
            text="No user of the static web app becomes superadmin, so no one could manage CIPP after the migration. "
            "Give the role to a user with an e-mail address first.",
        )
    if losing := [user.name for user in users if user.roles and not user.roles_after]:
        yield Finding(
            severity="Loss",
            part="Users",
            text=f"These users lose access: {', '.join(losing)}. Add them on CIPP's page of users afterwards.",
        )


def findings_on_rows(users: Sequence[MovedUser], listed: Collection[str]) -> Iterator[Finding]:
    """Yield whose rows in CIPP's table the script overwrites. `listed` are the row keys of the table."""
    known = {key.lower() for key in listed}
    if found := [user.name for user in users if user.roles_after and user.name.lower() in known]:
        yield Finding(
            severity="Loss",
            part="Users",
            text=f"CIPP's table {TABLE} already has rows of these users, which the script overwrites: "
            f"{', '.join(found)}. Note their roles from ListBackendUsers, and set them again if they differ.",
        )


def findings_on_permissions(may_run: MayRun, group: str) -> Iterator[Finding]:
    """Yield what the caller lacks to run the script."""
    if lacking := [action for action, has in may_run.actions.items() if has is False]:
        yield Finding(
            severity="Blocking",
            part="Permission",
            text=f"You lack {', '.join(lacking)} on the resource group '{group}'. The script ends without them. "
            "An Owner of the group can run it, or give you that role.",
        )
    if may_run.on_condition:
        yield Finding(
            severity="Unknown",
            part="Permission",
            text=f"You have {', '.join(may_run.on_condition)} on the resource group '{group}' only by a role "
            "assignment with a condition, which may forbid the roles that the script assigns. Look at the condition in "
            "the portal, Access control (IAM) of the group, or let an Owner without a condition run the script.",
        )
    elif not lacking and None in may_run.actions.values():
        yield Finding(
            severity="Note",
            part="Permission",
            text="Whether you may run the script is unknown. Check that you are Owner of the group: az role assignment "
            f"list --assignee <your user name> --resource-group {group} --include-inherited --include-groups.",
        )


def finding_on_setup(status: str | None) -> Finding | None:
    """Return what the setup of the sign-in lacks. `status` is that of CIPP's row, "" without one, None if unread."""
    if status is None or status.lower() in READY:
        return None
    detail = f"CIPP's setup of the sign-in is in state '{status}'" if status else "CIPP's sign-in is not set up"
    return Finding(severity="Blocking", part="SignIn", text=f"{detail}, so the script ends before it begins. {_SETUP}")
