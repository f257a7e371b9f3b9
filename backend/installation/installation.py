"""The names of CIPP's resources: its app, resource group, vault and subscription.

The rules are those by which CIPP's API reads WEBSITE_* variables. `CIPP_FUNCTION_APP` takes precedence: this API runs
in a separate app, so that setting names CIPP's main function app.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from backend.configuration.clouds import Cloud, cloud_of
from backend.configuration.kinds import (
    is_app_name,
    is_deployment_id,
    is_group_name,
    names_a_group,
    names_a_subscription,
    names_a_vault,
    names_an_app,
)
from backend.errors import NotConfiguredError

OFFLOAD_SUFFIXES = ("proc", "auditlog", "standards", "usertasks")
# CIPP's deployment template names the static web app from its base name and a suffix of five.
_TEMPLATE_NAME = r"(?P<base>.*[^-])(?P<suffix>[A-Za-z0-9]{5})"
# The check of each setting. Any other text would change the meaning of an address. Templates generate names that look
# like keys, so only definite signs of a key count. Names of apps that the platform sets are not checked for them,
# because Azure's rule for an app's name excludes keys. Its rule for a group allows an Entra token, so groups are.
_KIND_OF: Final[Mapping[str, Callable[[str], bool]]] = {
    "CIPP_FUNCTION_APP": names_an_app,
    "CIPP_KV_NAME": names_a_vault,
    "CIPP_RESOURCE_GROUP": names_a_group,
    "CIPP_SUBSCRIPTION_ID": names_a_subscription,
    "WEBSITE_SITE_NAME": is_app_name,
    "WEBSITE_DEPLOYMENT_ID": is_deployment_id,
    "WEBSITE_RESOURCE_GROUP": names_a_group,
}
NAMING_SETTINGS: Final = tuple(_KIND_OF)
# The location of CIPP, which can differ from that of this app.
OF_CIPP: Final = ("CIPP_SUBSCRIPTION_ID", "CIPP_RESOURCE_GROUP")
OUR_NAME = "CIPP Backend"


def offload_suffix(app_name: str) -> str | None:
    """Return the offload suffix of an app's name in lower case, None for a main app."""
    _, dash, last = app_name.rpartition("-")
    return last.lower() if dash and last.lower() in OFFLOAD_SUFFIXES else None


def main_app_of(app_name: str) -> str:
    """Return an app's name without its offload suffix, if it has one."""
    return app_name.rpartition("-")[0] if offload_suffix(app_name) else app_name


def template_static_web_app(main_app: str) -> str | None:
    """Return the static web app's name by CIPP's deployment template, None if the main app's name does not fit it."""
    fits = re.fullmatch(_TEMPLATE_NAME, main_app)
    return f"{fits['base']}-swa-{fits['suffix']}".lower() if fits else None


def misfits(environ: Mapping[str, str]) -> list[str]:
    """Return the settings with values that are not valid names in Azure. What they should name counts as unknown."""
    return [name for name, kind in _KIND_OF.items() if environ.get(name, "").strip() and not kind(environ[name])]


def node_name(environ: Mapping[str, str]) -> str:
    """Return the name of this app for CIPP's Logbook."""
    return _named(environ, "WEBSITE_SITE_NAME") or OUR_NAME


@dataclass(frozen=True)
class Deployment:
    """What the environment and this app's identity show of CIPP's resources. None is unknown."""

    cloud: Cloud
    subscription_id: str | None
    resource_group: str | None
    main_app: str | None
    answering_app: str | None
    vault_name: str | None
    tenant_id: str | None

    @classmethod
    def of(cls, environ: Mapping[str, str], claims: Mapping[str, Any] | None = None) -> Self:
        """Return the deployment from the app's environment and its identity's token.

        `claims` are those of the managed identity's token for ARM. `xms_mirid` has the group and the subscription, in
        case the variables don't. `tid` is the tenant.
        """
        claims = claims or {}
        answering_app = _value(environ, "WEBSITE_SITE_NAME")
        cipp_app = _value(environ, "CIPP_FUNCTION_APP") or answering_app
        identity = _identity_of(claims, answering_app)
        main_app = _first_named(environ, "CIPP_FUNCTION_APP", "WEBSITE_SITE_NAME")
        vault_of = main_app if cipp_app else _named(environ, "WEBSITE_DEPLOYMENT_ID")
        override = environ.get("CIPP_KV_NAME", "")
        return cls(
            cloud=cloud_of(environ),
            subscription_id=_usable(
                names_a_subscription,
                _value(environ, "CIPP_SUBSCRIPTION_ID")
                or environ.get("WEBSITE_OWNER_NAME", "").partition("+")[0].strip()
                or (identity and identity["subscription"]),
            ),
            resource_group=_group_of(environ, identity),
            main_app=main_app_of(main_app) if main_app else None,
            answering_app=_named(environ, "WEBSITE_SITE_NAME"),
            vault_name=(
                _usable(names_a_vault, override)
                if override.strip()
                else (main_app_of(vault_of).lower() if vault_of else None)
            ),
            tenant_id=str(claims["tid"]) if claims.get("tid") else None,
        )

    @classmethod
    def of_this_app(cls, environ: Mapping[str, str], claims: Callable[[], Mapping[str, Any]]) -> Self:
        """Return the deployment in the group of this app itself. The claims are read only if they are needed."""
        own = {name: value for name, value in environ.items() if name not in OF_CIPP}
        deployment = cls.of(own)
        return deployment if deployment.subscription_id and deployment.resource_group else cls.of(own, claims())

    def group(self) -> tuple[str, str]:
        """Return the subscription and the resource group.

        Raises:
            NotConfiguredError: One of them is unknown.
        """
        if not self.subscription_id:
            raise NotConfiguredError("CIPP's subscription is unknown.", advice="Set CIPP_SUBSCRIPTION_ID.")
        if not self.resource_group:
            raise NotConfiguredError("CIPP's resource group is unknown.", advice="Set CIPP_RESOURCE_GROUP.")
        return self.subscription_id, self.resource_group

    def resource_id(self, provider_type: str, name: str) -> str:
        """Return the ARM ID of a resource in this deployment's group, for example of ("Microsoft.Web/sites", name)."""
        subscription, group = self.group()
        return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{provider_type}/{name}"

    @property
    def template_static_web_app(self) -> str | None:
        """The static web app's name by CIPP's deployment template, None if the main app's name does not fit it."""
        return template_static_web_app(self.main_app) if self.main_app else None

    @property
    def vault_url(self) -> str:
        """The vault's address.

        Raises:
            NotConfiguredError: The vault's name is unknown.
        """
        if not self.vault_name:
            raise NotConfiguredError("CIPP's key vault is unknown.", advice="Set CIPP_KV_NAME or CIPP_FUNCTION_APP.")
        return f"https://{self.vault_name.lower()}{self.cloud.vault_suffix}"


def _value(environ: Mapping[str, str], name: str) -> str | None:
    """Return a variable, None if it is missing or blank."""
    return environ.get(name, "").strip() or None


def _usable(kind: Callable[[str], bool], name: str | None) -> str | None:
    """Return the name, None if it is not of that kind."""
    return name if name and kind(name) else None


def _named(environ: Mapping[str, str], setting: str) -> str | None:
    """Return the value of a naming setting, None if it is blank or not a valid name in Azure."""
    return _usable(_KIND_OF[setting], _value(environ, setting))


def _first_named(environ: Mapping[str, str], *settings: str) -> str | None:
    """Return the name in the first setting that is not blank. If that one is not valid, later ones are not used."""
    setting = next((setting for setting in settings if _value(environ, setting)), settings[0])
    return _named(environ, setting)


def _group_of(environ: Mapping[str, str], identity: re.Match[str] | None) -> str | None:
    """Return the resource group, by the identity's resource ID if the platform's variable is not valid."""
    if _value(environ, "CIPP_RESOURCE_GROUP"):
        return _named(environ, "CIPP_RESOURCE_GROUP")
    return _named(environ, "WEBSITE_RESOURCE_GROUP") or (identity and _usable(is_group_name, identity["group"]))


def _identity_of(claims: Mapping[str, Any], site: str | None) -> re.Match[str] | None:
    """Return the subscription and group in the identity's resource ID, if the identity is that of this site."""
    if not site:
        return None
    return re.search(
        r"/subscriptions/(?P<subscription>[^/]+)/resourcegroups/(?P<group>[^/]+)"
        rf"/providers/Microsoft\.Web/sites/{re.escape(site)}(?:/|$)",
        str(claims.get("xms_mirid", "")),
        re.IGNORECASE,
    )
