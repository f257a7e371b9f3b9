"""Changes that an admin makes by hand to the vault's secrets, and their results."""

from typing import Any

from sandbox import names
from tests.support.api import Answer, Api
from tests.support.rotation.pfx import pfx
from tests.support.rotation.scene import CERTIFICATE, SECRET, TOKEN, VAULT, Scene
from tests.support.sandbox.certificate import Certificate

PLAIN = "Plain"
FORCE = {"Force": True}
DRY = {"DryRun": True}
KINDS = ["ClientSecret", "Certificate", "RefreshToken", "TenantRefreshToken"]


def name_of(scene: Scene, kind: str) -> str:
    """Return the vault's name of the key of a kind."""
    named = {"ClientSecret": SECRET, "Certificate": CERTIFICATE, "RefreshToken": TOKEN}
    return named.get(kind) or scene.tenants()[0]


def fresh(scene: Scene, kind: str) -> str:
    """Return a value that can sign in, as an admin creates it by hand."""
    if kind == "ClientSecret":
        return str(scene.others.add_secret()["secretText"])
    if kind == "Certificate":
        certificate = Certificate()
        scene.others.add_certificate(certificate)
        return pfx(certificate)
    name = name_of(scene, kind)
    tenant = names.TENANT_ID if kind == "RefreshToken" else name
    form = {"refresh_token": scene.value(name), "client_secret": scene.value(SECRET)}
    return str(scene.others.token(tenant, grant_type="refresh_token", **form).json()["refresh_token"])


def useless(kind: str) -> str:
    """Return a value of the right form that can't sign in."""
    return pfx(Certificate()) if kind == "Certificate" else "abc8Q~not-one-of-the-apps"


def set_secret(name: str, value: str, **more: object) -> Answer:
    return Api().post("ExecKeyVaultSecretSet", {"Name": name, "Value": value, **more})


def restore(name: str, version: str, **more: object) -> Answer:
    return Api().post("ExecKeyVaultSecretRestore", {"Name": name, "Version": version, **more})


def recover(name: str, **more: object) -> Answer:
    return Api().post("ExecKeyVaultSecretRecover", {"Name": name, **more})


def changes(scene: Scene) -> list[dict[str, Any]]:
    """Return the writes to the vault."""
    return [call for call in scene.calls(VAULT) if call["method"] != "GET"]
