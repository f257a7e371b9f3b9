"""The service behind graph.microsoft.com and the hosts of the other clouds: both v1.0 and beta."""

from collections.abc import Callable
from typing import Final

from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp

from sandbox.application import Application
from sandbox.azure import Azure
from sandbox.graph import (
    app_role_assignments,
    applications,
    certificates,
    federated_credentials,
    owners,
    passwords,
    people,
    policies,
    registrations,
    service_principals,
    tenant_objects,
)
from sandbox.graph.batch import batch
from sandbox.graph.call import Call, Handler, operation
from sandbox.service import route, service

_UNIQUE: Final = "/applications(uniqueName='{unique_name}')"
_FEDERATED: Final = "federatedIdentityCredentials"
_Rows = tuple[tuple[str, str, tuple[str, ...], Handler], ...]


def app(azure: Azure) -> ASGIApp:
    """Return the Graph service."""
    routes = [route(path, operation(azure, needs, handle), method) for method, path, needs, handle in _rows()]
    mounts: list[BaseRoute] = [Mount(f"/{version}", routes=routes) for version in ("v1.0", "beta")]
    return service(mounts)


def _rows() -> _Rows:
    rows: _Rows = (
        ("POST", "/$batch", (), batch),
        ("GET", "/applications", applications.READ, applications.list_all),
        ("POST", "/applications", applications.WRITE, registrations.create),
        ("GET", _UNIQUE, applications.READ, registrations.get_by_unique_name),
        ("PATCH", _UNIQUE, applications.WRITE, registrations.upsert),
        ("GET", "/me", people.READ_ME, people.get_me),
        ("POST", "/servicePrincipals", applications.WRITE, service_principals.create),
        ("PATCH", "/servicePrincipals(appId='{app_id}')", applications.WRITE, service_principals.upsert),
        ("PATCH", "/servicePrincipals/{id}", applications.WRITE, service_principals.patch),
        ("GET", "/organization", tenant_objects.READ_ORGANIZATION, tenant_objects.organization),
        ("GET", "/users/{id}", people.READ_USER, people.get_user),
        ("POST", "/users/{id}/checkMemberGroups", (), people.check_member_groups),
        ("POST", "/groups/{id}/members/$ref", people.CHANGE_MEMBERS, people.add_member),
        ("DELETE", "/groups/{id}/members/{member}/$ref", people.CHANGE_MEMBERS, people.remove_member),
        ("GET", "/servicePrincipals", applications.READ, tenant_objects.list_principals),
        ("GET", "/policies/defaultAppManagementPolicy", policies.READ, policies.get_default),
        ("PATCH", "/policies/defaultAppManagementPolicy", policies.WRITE, policies.patch_default),
        ("GET", "/policies/appManagementPolicies", policies.READ, policies.list_all),
        ("POST", "/policies/appManagementPolicies", policies.WRITE, policies.create),
        ("GET", "/policies/appManagementPolicies/{id}", policies.READ, policies.get),
        ("PATCH", "/policies/appManagementPolicies/{id}", policies.WRITE, policies.patch),
        ("GET", "/policies/appManagementPolicies/{id}/appliesTo", policies.READ, policies.applies_to),
    )
    for one in ("/applications/{id}", "/applications(appId='{app_id}')"):
        rows += (
            ("GET", one, applications.READ, applications.get),
            ("PATCH", one, applications.WRITE, applications.patch),
            ("DELETE", one, applications.WRITE, registrations.delete),
            ("GET", f"{one}/owners", applications.READ, _of(owners.list_owners)),
            ("POST", f"{one}/owners/$ref", applications.WRITE, _of(owners.add_owner)),
            ("DELETE", f"{one}/owners/{{owner}}/$ref", applications.WRITE, _of(owners.remove_owner)),
            ("GET", f"{one}/{_FEDERATED}", applications.READ, _of(federated_credentials.list_credentials)),
            ("POST", f"{one}/{_FEDERATED}", applications.WRITE, _of(federated_credentials.create_credential)),
            (
                "PATCH",
                f"{one}/{_FEDERATED}/{{credential}}",
                applications.WRITE,
                _of(federated_credentials.change_credential),
            ),
            (
                "DELETE",
                f"{one}/{_FEDERATED}/{{credential}}",
                applications.WRITE,
                _of(federated_credentials.remove_credential),
            ),
            ("POST", f"{one}/addPassword", applications.WRITE, _of_own(passwords.add_password)),
            ("POST", f"{one}/removePassword", applications.WRITE, _of_own(passwords.remove_password)),
            ("POST", f"{one}/addKey", applications.WRITE, _of_own(certificates.add_key)),
            ("POST", f"{one}/removeKey", applications.WRITE, _of_own(certificates.remove_key)),
            ("GET", f"{one}/appManagementPolicies", policies.READ, _of(policies.assigned)),
            ("POST", f"{one}/appManagementPolicies/$ref", policies.WRITE, _of(policies.assign)),
        )
    for one in ("/servicePrincipals/{id}", "/servicePrincipals(appId='{app_id}')"):
        rows += (
            ("GET", one, applications.READ, tenant_objects.get_principal),
            ("GET", f"{one}/ownedObjects", applications.READ, owners.list_owned),
        )
        for name, listed in (
            ("appRoleAssignments", app_role_assignments.assignments_of),
            ("appRoleAssignedTo", app_role_assignments.assigned_to),
        ):
            rows += (
                ("GET", f"{one}/{name}", applications.READ, listed),
                ("POST", f"{one}/{name}", app_role_assignments.ASSIGN, app_role_assignments.assign),
                ("DELETE", f"{one}/{name}/{{assignment}}", app_role_assignments.ASSIGN, app_role_assignments.remove),
            )
    return rows


def _of_own(handle: Callable[[Call, Application], Response]) -> Handler:
    """Return a handler that first finds the application in the path, which the caller may change."""
    return lambda call: handle(call, applications.find_own(call))


def _of(handle: Callable[[Call, Application], Response]) -> Handler:
    """Return a handler that first finds the application in the path."""
    return lambda call: handle(call, applications.find(call))
