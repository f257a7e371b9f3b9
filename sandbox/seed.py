"""The seeded CIPP: what the sandbox starts with, and what a reset restores."""

import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from sandbox import names
from sandbox.application import Application, PasswordCredential, new_secret_text
from sandbox.arm.key_references import read_all
from sandbox.arm.seed import seed_arm
from sandbox.arm.site_document import host_name
from sandbox.azure import Azure
from sandbox.cipp.certificate import SamCertificate, made_certificate
from sandbox.cipp.life import Life, seeded_life
from sandbox.clock import Clock
from sandbox.clouds import CLOUDS
from sandbox.container.layout import Layout, layout
from sandbox.directory import Directory, RefreshToken, ServicePrincipal, Tenant
from sandbox.key_vault.seed import seed_vault
from sandbox.options import Options
from sandbox.past import Past
from sandbox.people import Group, Person, User
from sandbox.permissions import SAM_ROLES, SAM_SCOPES
from sandbox.registry.images import NEXT, reference, seeded_registry
from sandbox.seed_secret import SeedSecret
from sandbox.sign_in_app import seeded_sign_in
from sandbox.tokens import TokenIssuer

_SECRET_LEFT: Final = timedelta(days=20)  # the client secret expires soon
_INSTALLED: Final = timedelta(days=401)
PLACEHOLDER: Final = "AppSecret"  # what CIPP's template stores as ApplicationSecret
_SAM_REDIRECTS: Final = (  # that CIPP's setup registers
    "https://login.microsoftonline.com/common/oauth2/nativeclient",
    "https://localhost",
    "http://localhost",
    "http://localhost:8400",
)
_CUSTOMERS: Final = ("Fabrikam", "Northwind Traders", "Tailspin Toys", "Adatum", "Woodgrove Bank", "Litware")


def seed(options: Options, tokens: TokenIssuer) -> Azure:
    """Return a new Azure. `tokens` outlives it, so that access tokens stay valid after a reset."""
    clock = Clock(options.now, options.clock_rate)
    now = clock.now().replace(microsecond=0)
    directory = Directory(past=Past(timedelta(seconds=options.graph_read_lag_seconds)))
    stored = now - timedelta(days=options.stored_days)
    placed = layout(options)
    certificate = _certificate(options, placed, stored)
    sam = _sam(options, now, stored, certificate)
    directory.applications[sam.app_id] = sam
    partner = Tenant(names.TENANT_ID, names.TENANT_NAME, names.TENANT_DOMAIN)
    customers = direct_tenants(options)
    directory.add(tenants=[partner, *customers], principals=_principals(partner, customers))
    directory.people.add(persons=_persons(), groups=_groups())
    admin = User(names.ADMIN_ID, names.ADMIN_NAME)
    for spare in (_spare(number, now) for number in range(options.spare_apps)):
        token = directory.issue_refresh_token(RefreshToken(spare.app_id, partner.id, admin, now))
        directory.applications[spare.app_id] = replace(spare, refresh_token=token)
        directory.add(principals=[_sam_principal(spare.app_id, partner)])
    values = {
        "ApplicationID": sam.app_id,
        "ApplicationSecret": sam.passwords[0].secret_text if sam.passwords else PLACEHOLDER,
        "TenantID": partner.id,
        "RefreshToken": _refresh_token(directory, partner, admin, stored),
    }
    for customer in customers:
        user = User(_id(customer.id, "user"), f"cipp.service@{customer.domain}")
        values[customer.id] = _refresh_token(directory, customer, user, stored)
    secrets = {name: SeedSecret(value, created=stored) for name, value in values.items()}
    if certificate is not None:
        secrets["SAMCertificate"] = SeedSecret(certificate.value, stored, content_type="application/x-pkcs12")
    for name, planned in options.secrets.items():
        secrets[name] = SeedSecret(planned.value, created=stored, managed=planned.managed)
    registry = seeded_registry(now)
    arm = seed_arm(clock, options, reference(options.pinned, registry))
    if options.shape == "container" and not options.sign_in_off:
        site = arm.sites.get(placed.site or "")
        host = host_name(site, CLOUDS[0]) if site else f"{names.MAIN_SITE}.{CLOUDS[0].site_suffix}"
        secrets = {**seeded_sign_in(directory, partner, host, stored), **secrets}
    vault = seed_vault(clock, secrets, arm.access, timedelta(seconds=options.vault_list_lag_seconds), options)
    vault.recovery = timedelta(seconds=options.vault_recovery_seconds)
    azure = Azure(
        clock=clock,
        tokens=tokens,
        tenant_id=names.TENANT_ID,
        subscription_id=names.SUBSCRIPTION_ID,
        options=options,
        directory=directory,
        vaults={vault.name: vault},
        arm=arm,
        registry=registry,
        cipp=Life(now),
    )
    azure = replace(azure, cipp=seeded_life(azure, registry.tags["latest"]))
    read_all(azure)
    if options.update_available:
        registry.move("latest", NEXT, now)
    return azure


def direct_tenants(options: Options) -> list[Tenant]:
    """Return the customers' tenants whose token is in the vault. The same options give the same tenants."""
    return [_customer(number) for number in range(options.direct_tenants)]


def _certificate(options: Options, placed: Layout, stored: datetime) -> SamCertificate | None:
    """Return the certificate that a container makes at its first start. Function apps have it in one mode alone."""
    if options.shape == "functions" and not options.certificate_only:
        return None
    return made_certificate(placed.site or names.MAIN_SITE, stored)


def _sam(options: Options, now: datetime, stored: datetime, certificate: SamCertificate | None) -> Application:
    site = layout(options).site or names.MAIN_SITE
    secret = PasswordCredential(
        new_secret_text(), start=stored, end=now + _SECRET_LEFT, created=stored, display_name="UpdateTokens"
    )
    return Application(
        id=names.SAM_OBJECT_ID,
        app_id=names.SAM_APP_ID,
        tenant_id=names.TENANT_ID,
        display_name=names.SAM_DISPLAY_NAME,
        created=now - _INSTALLED,
        passwords=() if options.certificate_only else (secret,),
        keys=() if certificate is None else (certificate.credential(site, stored),),
        properties={
            "signInAudience": "AzureADMultipleOrgs",
            "isFallbackPublicClient": True,
            "web": {"redirectUris": list(_SAM_REDIRECTS)},
        },
    )


def _spare(number: int, now: datetime) -> Application:
    secret = PasswordCredential(new_secret_text(), start=now, end=now + timedelta(days=730), created=now)
    return Application(
        id=_id("spare", str(number)),
        app_id=_id("spare app", str(number)),
        tenant_id=names.TENANT_ID,
        display_name=names.SAM_DISPLAY_NAME,
        created=now,
        passwords=(secret,),
        properties={"signInAudience": "AzureADMultipleOrgs"},
    )


def _persons() -> list[Person]:
    return [
        Person(names.ADMIN_ID, names.ADMIN_NAME, "CIPP Service", names.TENANT_ID),
        Person(names.MEMBER_ID, names.MEMBER_NAME, "Alex Jansen", names.TENANT_ID),
        Person(names.GUEST_ID, names.GUEST_NAME, "Kim de Vries", names.TENANT_ID, "Guest"),
    ]


def _groups() -> list[Group]:
    return [
        Group(names.EMPTY_GROUP_ID, "CIPP superadmins", names.TENANT_ID),
        Group(names.GROUP_ID, "CIPP admins", names.TENANT_ID, {names.MEMBER_ID, names.GUEST_ID}),
        Group(names.OUTER_GROUP_ID, "Staff", names.TENANT_ID, {names.GROUP_ID}),
    ]


def _customer(number: int) -> Tenant:
    name = _CUSTOMERS[number % len(_CUSTOMERS)]
    word = name.split()[0].lower()
    turn = number // len(_CUSTOMERS)
    suffix = f"{turn + 1}" if turn else ""
    return Tenant(_id("customer", str(number)), f"{name} {suffix}".strip(), f"{word}{suffix}.onmicrosoft.com")


def _principals(partner: Tenant, customers: list[Tenant]) -> list[ServicePrincipal]:
    principals = [
        _sam_principal(
            names.SAM_APP_ID, tenant, names.SAM_SERVICE_PRINCIPAL_ID if tenant is partner else _id(tenant.id, "sam")
        )
        for tenant in [partner, *customers]
    ]
    principals += [
        ServicePrincipal(names.GRAPH_APP_ID, tenant.id, "Microsoft Graph", id=_id(tenant.id, "graph"))
        for tenant in [partner, *customers]
    ]
    principals.append(
        ServicePrincipal(
            app_id=names.BACKEND_CLIENT_ID,
            tenant_id=partner.id,
            display_name=names.BACKEND_SITE,
            id=names.BACKEND_PRINCIPAL_ID,
            type="ManagedIdentity",
        )
    )
    return principals


def _sam_principal(app_id: str, tenant: Tenant, principal_id: str | None = None) -> ServicePrincipal:
    return ServicePrincipal(
        app_id=app_id,
        tenant_id=tenant.id,
        display_name=names.SAM_DISPLAY_NAME,
        roles=SAM_ROLES,
        scopes=SAM_SCOPES,
        id=principal_id or _id(app_id, tenant.id),
    )


def _refresh_token(directory: Directory, tenant: Tenant, user: User, stored: datetime) -> str:
    return directory.issue_refresh_token(RefreshToken(names.SAM_APP_ID, tenant.id, user, stored))


def _id(*words: str) -> str:
    """Return an ID that is the same on every start."""
    return str(uuid.uuid5(uuid.UUID(names.TENANT_ID), "/".join(words)))
