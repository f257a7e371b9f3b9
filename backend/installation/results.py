"""The parts of a CIPP installation as the API returns them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from backend.installation.app_states import AppCondition
from backend.values import Value


class PortalLinks(Value, frozen=True, kw_only=True):
    """The names and the links, with the frontend's field names. None is unknown, and `warnings` state why.

    CIPP as a container has `domains`, `log_stream` and `container_settings`. Its links to a static web app are "".
    """

    subscription: str | None
    resource_group_name: str | None = msgspec.field(name="RGName")
    function_name: str | None
    static_web_app_name: str | None = msgspec.field(name="SWAName")
    hosted: bool
    os: str = msgspec.field(name="OS")
    sku: str | None = msgspec.field(name="SKU")
    timezone: str
    resource_group: str
    key_vault: str
    function_app: str
    function_config: str
    function_deployment: str
    app_service_plan: str | None
    static_web_app_domains: str = msgspec.field(name="SWADomains")
    static_web_app_roles: str = msgspec.field(name="SWARoles")
    domains: str | UnsetType = UNSET
    log_stream: str | UnsetType = UNSET
    container_settings: str | UnsetType = UNSET
    cloud_shell: str
    management: str | None
    warnings: tuple[str, ...]


class Resource(Value, frozen=True):
    """One resource. `name` and `type` are "" if unknown. `state` is its provisioning state in Azure."""

    name: str
    type: str
    kind: str | None
    location: str | None
    state: str | None
    created: datetime | None
    changed: datetime | None
    tags: Mapping[str, str]
    link: str


class Group(Value, frozen=True):
    """The resource group. `location` is "" if Azure does not show it."""

    name: str
    location: str
    tags: Mapping[str, str]
    link: str


class Resources(Value, frozen=True):
    """The group and its resources, by type and name."""

    resource_group: Group
    resources: list[Resource]


# MainApp: CIPP's main app while its shape is unknown
CardKind = Literal[
    "ResourceGroup", "KeyVault", "FunctionApp", "StaticWebApp", "WebApp", "AppServicePlan", "SignIn", "MainApp", "Keys"
]


CRITICAL: Final = "Critical"  # a state of a card that anyone on the internet can use against CIPP


class Card(Value, frozen=True):
    """One resource. `exists` can be None. Then the problems state why it could not be read. `notes` are advice.

    A card whose `state` is Critical comes first. `condition` is whether an app runs, null if the card is not an app.
    `works_until` is until when the keys of the card Keys work.
    """

    name: str
    kind: CardKind
    exists: bool | None
    state: str | None = None
    link: str | None = None
    problems: list[str] = []  # noqa: RUF012 - msgspec copies the default
    notes: list[str] = []  # noqa: RUF012 - the same
    condition: AppCondition | None = None
    works_until: datetime | None = None
