"""Entra's metadata about itself."""

from typing import Any, Final

from sandbox.clouds import Cloud

_ALIASES: Final = (
    ("login.microsoftonline.com", ("login.windows.net", "login.microsoft.com", "sts.windows.net")),
    ("login.partner.microsoftonline.cn", ("login.chinacloudapi.cn",)),
    ("login.microsoftonline.de", ()),
    ("login.microsoftonline.us", ("login.usgovcloudapi.net",)),
    ("login-us.microsoftonline.com", ()),
)


def openid_configuration(host: str, tenant: str, cloud: Cloud, *, v2: bool) -> dict[str, Any]:
    """Return a tenant's OpenID Connect configuration. `tenant` can be "common" or a similar name."""
    base = f"https://{host}/{tenant}"
    issuer_tenant = tenant if "-" in tenant else "{tenantid}"
    oauth2 = f"{base}/oauth2/v2.0" if v2 else f"{base}/oauth2"
    keys = f"{base}/discovery/v2.0/keys" if v2 else f"https://{host}/common/discovery/keys"
    issuer = f"https://{host}/{issuer_tenant}/v2.0" if v2 else f"https://sts.windows.net/{issuer_tenant}/"
    return {
        "token_endpoint": f"{oauth2}/token",
        "token_endpoint_auth_methods_supported": [
            "client_secret_post",
            "private_key_jwt",
            "client_secret_basic",
        ],
        "jwks_uri": keys,
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": issuer,
        "request_uri_parameter_supported": False,
        "userinfo_endpoint": f"{cloud.graph_audience}/oidc/userinfo",
        "authorization_endpoint": f"{oauth2}/authorize",
        "device_authorization_endpoint": f"{oauth2}/devicecode",
        "http_logout_supported": True,
        "frontchannel_logout_supported": True,
        "end_session_endpoint": f"{oauth2}/logout",
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "tid", "oid", "preferred_username", "name"],
        "tenant_region_scope": "EU",
        "cloud_instance_name": _instance_name(cloud),
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": cloud.graph,
        "rbac_url": "https://pas.windows.net",
    }


def instance_discovery(endpoint: str) -> dict[str, Any]:
    """Return which hosts are aliases, and where the metadata of `endpoint`'s tenant is."""
    base = endpoint.partition("/oauth2/")[0]
    return {
        "tenant_discovery_endpoint": f"{base}/v2.0/.well-known/openid-configuration",
        "api-version": "1.1",
        "metadata": [
            {"preferred_network": name, "preferred_cache": _cache(name, aliases), "aliases": [name, *aliases]}
            for name, aliases in _ALIASES
        ],
    }


def _cache(name: str, aliases: tuple[str, ...]) -> str:
    return "login.windows.net" if "login.windows.net" in aliases else name


def _instance_name(cloud: Cloud) -> str:
    names = {"usgov": "microsoftonline.us", "china": "partner.microsoftonline.cn"}
    return names.get(cloud.name, "microsoftonline.com")
