"""Users and groups: read a user, check members, add and remove them."""

import re
import uuid
from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from sandbox.graph.call import Call
from sandbox.graph.errors import GraphError, bad_request, not_found
from sandbox.people import Group, Person

# userType needs more than the basic profile that User.ReadBasic.All allows.
READ_USER: Final = ("User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All")
READ_ME: Final = ("User.Read", *READ_USER)
CHANGE_MEMBERS: Final = ("GroupMember.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All")
_ALL: Final = frozenset({"Directory.Read.All", "Directory.ReadWrite.All"})
_USERS: Final = frozenset({"User.ReadBasic.All", "User.Read.All", "User.ReadWrite.All"})
_GROUPS: Final = frozenset(
    {"GroupMember.Read.All", "GroupMember.ReadWrite.All", "Group.Read.All", "Group.ReadWrite.All"}
)
_MOST_GROUPS: Final = 20
_REFERENCE: Final = re.compile(r"https://[^/]+/[^/]+/(?:directoryObjects|users|groups)/(?P<id>[^/]+)$")


def get_user(call: Call) -> Response:
    """GET /users/{id}, by ID or user principal name."""
    return call.entity("users", _shape(_person(call)))


def get_me(call: Call) -> Response:
    """GET /me. An application has no user."""
    found = call.azure.directory.people.persons.get(str(call.claims.get("oid")))
    if found is None:
        raise bad_request("/me request is only valid with delegated authentication flow.")
    return call.entity("users", _shape(found))


def check_member_groups(call: Call) -> Response:
    """POST /users/{id}/checkMemberGroups. Requires the permission to read everything, or both users and groups."""
    granted = {*call.claims.get("roles", []), *str(call.claims.get("scp", "")).split()}
    if granted.isdisjoint(_ALL) and (granted.isdisjoint(_USERS) or granted.isdisjoint(_GROUPS)):
        raise GraphError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    requested = call.body.get("groupIds")
    if not isinstance(requested, list) or not all(isinstance(group, str) for group in requested):
        raise bad_request("A value without a type name was found and no expected type is available.")
    if len(requested) > _MOST_GROUPS:
        raise bad_request(f"Number of included identifiers cannot exceed '{_MOST_GROUPS}'.")
    for group in requested:
        _check_guid(group)
    found = call.azure.directory.people.groups_of(_person(call).id)
    context = call.context("Collection(Edm.String)")
    return call.respond({"@odata.context": context, "value": [group for group in requested if group.lower() in found]})


def add_member(call: Call) -> Response:
    """POST /groups/{id}/members/$ref."""
    group = _group(call)
    reference = _REFERENCE.match(str(call.body.get("@odata.id", "")))
    if reference is None:
        raise bad_request("Invalid URL format specified in @odata.id payload.")
    people, member = call.azure.directory.people, reference["id"].lower()
    if member not in people.persons and member not in people.groups:
        raise not_found(member)
    if member in group.members:
        raise bad_request(
            "One or more added object references already exist for the following modified properties: 'members'."
        )
    group.members.add(member)
    return call.done()


def remove_member(call: Call) -> Response:
    """DELETE /groups/{id}/members/{member}/$ref."""
    group, member = _group(call), call.request.path_params["member"].lower()
    if member not in group.members:
        raise not_found(member)
    group.members.discard(member)
    return call.done()


def _person(call: Call) -> Person:
    name = call.request.path_params["id"]
    found = call.azure.directory.people.person(name, call.tenant_id)
    if found is None:
        raise not_found(name)
    return found


def _group(call: Call) -> Group:
    name = call.request.path_params["id"]
    found = call.azure.directory.people.groups.get(name.lower())
    if found is None or found.tenant_id != call.tenant_id:
        raise not_found(name)
    return found


def _check_guid(text: str) -> None:
    try:
        uuid.UUID(text)
    except ValueError as error:
        raise bad_request(f"Invalid object identifier '{text}'.") from error


def _shape(person: Person) -> Mapping[str, Any]:
    given, _, family = person.display_name.partition(" ")
    return {
        "businessPhones": [],
        "displayName": person.display_name,
        "givenName": given,
        "jobTitle": None,
        "mail": None,
        "mobilePhone": None,
        "officeLocation": None,
        "preferredLanguage": None,
        "surname": family,
        "userPrincipalName": person.name,
        "id": person.id,
        "userType": person.type,
        "accountEnabled": True,
    }
