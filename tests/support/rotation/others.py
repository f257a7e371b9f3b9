"""Everybody but the rotation: an admin, CIPP itself, and whoever else works on the same deployment."""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import requests
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableServiceClient
from cryptography import x509

from sandbox import names
from sandbox.tables.cipps_tables import TABLES
from tests.support.rotation.pfx import pfx, thumbprint
from tests.support.rotation.theirs import Made
from tests.support.sandbox.certificate import Certificate
from tests.support.sandbox.vault_calls import Vault, identity_token
from tests.support.sandbox_client import Sandbox

LOGIN = "https://login.microsoftonline.com"
GRAPH = "https://graph.microsoft.com"
ARM = "https://management.azure.com"
NIGHTLY_SCRIPT = "CIPP Backend for my nightly script"  # the name of an admin's own client secret
OTHER_VAULT = "cippxyz98"  # of another installation that shares the SAM app
ANOTHER_INSTALLATIONS = Certificate()
Json = Any  # what JSON may hold


@dataclass(frozen=True)
class Others:
    """What others do in the vault, in Entra, in ARM and in CIPP's tables."""

    azure: Sandbox
    made: Made = field(default_factory=Made)  # all that is not made by the product

    def reset(self, **options: Json) -> Json:
        """Start over; all that is there then is made by others. Returns the state."""
        state = self.azure.reset(**options)
        self.made.begin(state, float(options.get("propagation_seconds", 2.0)))
        return state

    @cached_property
    def web(self) -> requests.Session:
        return self.azure.web()

    @cached_property
    def vault(self) -> Vault:
        return Vault(self.azure, self.web, identity_token(self.azure))

    @cached_property
    def tables(self) -> TableServiceClient:
        """CIPP's table storage."""
        return TableServiceClient.from_connection_string(self.azure.env["AzureWebJobsStorage"])

    def store(self, name: str, value: str, **fields: object) -> str:
        """Store a secret as CIPP or a person does; returns the version."""
        answer = self.vault.call("PUT", f"/secrets/{name}", {"value": value, **fields})
        assert answer.status_code == 200, answer.text
        version = str(answer.json()["id"]).rpartition("/")[2]
        self.made.versions.add(version)
        return version

    def disable(self, name: str, version: str) -> None:
        change = {"attributes": {"enabled": False}}
        assert self.vault.call("PATCH", f"/secrets/{name}/{version}", change).status_code == 200

    def delete(self, name: str) -> None:
        """Delete a secret; it can be recovered."""
        assert self.vault.call("DELETE", f"/secrets/{name}").status_code == 200

    def token(self, tenant: str = names.TENANT_ID, **form: str) -> requests.Response:
        """Request a token from Entra as the SAM app."""
        whole = {"client_id": names.SAM_APP_ID, "scope": f"{GRAPH}/.default", **form}
        return self.web.post(f"{LOGIN}/{tenant}/oauth2/v2.0/token", data=whole)

    def sign_in(self, secret: str) -> requests.Response:
        """Sign in as the SAM app with a client secret."""
        return self.token(grant_type="client_credentials", client_secret=secret)

    def bearer(self) -> str | None:
        """Return a token for Graph, by any of the SAM app's client secrets that signs in; None if none does."""
        app = self.azure.state()["applications"][names.SAM_APP_ID]
        answers = (self.sign_in(secret["secretText"]) for secret in app["passwordCredentials"])
        return next((str(answer.json()["access_token"]) for answer in answers if answer.ok), None)

    def graph(self, method: str, path: str, body: Json = None, *, bearer: str | None = None) -> Json:
        """Call Graph as the SAM app, and note what is made."""
        bearer = bearer or self.bearer()
        assert bearer, "no client secret of the SAM app signs in"
        headers = {"Authorization": f"Bearer {bearer}"}
        answer = self.web.request(method, f"{GRAPH}/v1.0/{path}", json=body, headers=headers)
        assert answer.ok, answer.text
        result = answer.json() if answer.content else {}
        if path.endswith("/addPassword"):
            self.made.secrets.add(result["keyId"])
        self._note_certificates(body)
        return result

    def _note_certificates(self, body: object) -> None:
        """Note the certificates that a request adds. An entry with an id repeats one that was there."""
        sent = body if isinstance(body, Mapping) else {}
        for entry in sent.get("keyCredentials") or []:
            if "keyId" not in entry:
                certificate = x509.load_der_x509_certificate(base64.b64decode(entry["key"]))
                self.made.certificates.add(thumbprint(certificate))

    def app(self, *properties: str) -> Json:
        """Read properties of the SAM app."""
        return self.graph("GET", f"applications/{names.SAM_OBJECT_ID}?$select={','.join(properties)}")

    def patch_app(self, **properties: object) -> None:
        self.graph("PATCH", f"applications/{names.SAM_OBJECT_ID}", properties)

    def add_secret(self, name: str = "Someone else's", **fields: object) -> dict[str, Json]:
        """Make a client secret for the SAM app."""
        body = {"passwordCredential": {"displayName": name, **fields}}
        made: dict[str, Json] = self.graph("POST", f"applications/{names.SAM_OBJECT_ID}/addPassword", body)
        return made

    def remove_secret(self, key_id: str) -> None:
        self.graph("POST", f"applications/{names.SAM_OBJECT_ID}/removePassword", {"keyId": key_id})

    def add_certificate(self, certificate: Certificate, name: str = "Someone else's") -> None:
        """Put the public part of a certificate on the app, beside those that are there."""
        there = self.app("keyCredentials")["keyCredentials"]
        self.patch_app(keyCredentials=[*there, {**certificate.entry(), "displayName": name}])

    def share_the_app(self, *certificates: Certificate) -> None:
        """Let others have credentials on the SAM app whose names are like this app's, a day old.

        An admin's client secret, and those of another installation whose vault has another name.
        """
        bearer = self.bearer()
        of_another = f"CIPP Backend {OTHER_VAULT}"
        start = datetime.fromisoformat(self.azure.state()["now"]) - timedelta(days=1)
        began = {"startDateTime": f"{start:%Y-%m-%dT%H:%M:%SZ}"}
        path = f"applications/{names.SAM_OBJECT_ID}"
        for name in (NIGHTLY_SCRIPT, f"{of_another} {secrets.token_hex(6)}"):
            body = {"passwordCredential": {"displayName": name, **began}}
            self.graph("POST", f"{path}/addPassword", body, bearer=bearer)
        there = self.graph("GET", f"{path}?$select=keyCredentials", bearer=bearer)["keyCredentials"]
        named = {"displayName": f"{of_another} {secrets.token_hex(6)}", **began}
        added = [{**ANOTHER_INSTALLATIONS.entry(), **named}, *(one.entry() for one in certificates)]
        self.graph("PATCH", path, {"keyCredentials": [*there, *added]}, bearer=bearer)

    def give_certificate(self, certificate: Certificate, *, on_app: bool = True) -> str:
        """Store a certificate and put it on the app as CIPP's own job does: no tags, no type, no end."""
        if on_app:
            self.add_certificate(certificate, "CIPP-SAM Certificate (cippabc12)")
        return self.store("SAMCertificate", pfx(certificate))

    def restrict(self, kind: str, **restriction: object) -> None:
        """Set the tenant's app management policy to one restriction."""
        one = {"restrictForAppsCreatedAfterDateTime": None, "state": "enabled", **restriction}
        body = {"isEnabled": True, "applicationRestrictions": {kind: [one]}}
        self.graph("PATCH", "policies/defaultAppManagementPolicy", body)

    def restart(self, site: str) -> None:
        """Restart an app in the portal; it takes some seconds."""
        headers = {"Authorization": f"Bearer {identity_token(self.azure, ARM)}"}
        url = f"{ARM}{names.RESOURCE_GROUP_ID}/providers/Microsoft.Web/sites/{site}/restart?api-version=2024-11-01"
        assert self.web.post(url, headers=headers).ok
        self.azure.advance(5)

    def let_cipp_work(self, seconds: float) -> None:
        """Let time pass, in which the product does nothing. All that is new then was made by CIPP's own jobs."""
        before = self.azure.state()
        self.azure.advance(seconds)
        self.made.note_new(before, self.azure.state())

    def clear_tables(self, *kept: str) -> None:
        """Delete every table but some, and make again those by which the storage is CIPP's, without a row."""
        for table in self.tables.list_tables():
            if table.name not in kept:
                self.tables.delete_table(table.name)
        for name in TABLES:
            self.tables.create_table_if_not_exists(name)

    def row(self, table: str, partition: str, key: str, **properties: object) -> None:
        """Write a row of one of CIPP's tables."""
        self.tables.create_table_if_not_exists(table)
        self.tables.get_table_client(table).upsert_entity({"PartitionKey": partition, "RowKey": key, **properties})

    def rows(self, table: str, *, record: bool = False) -> list[dict[str, Json]]:
        """Read a table; one that is not there is empty. `record`: the lines of calls by HTTP, too."""
        try:
            rows = [dict(row) for row in self.tables.get_table_client(table).list_entities()]
        except ResourceNotFoundError:
            return []
        return [row for row in rows if record or row.get("API") != "Backend"]

    def tenant_row(self, tenant: str, name: str = "Fabrikam", *, excluded: bool = False) -> None:
        """Let CIPP know a tenant."""
        row = {"customerId": tenant, "displayName": name, "defaultDomainName": f"{name.lower()}.onmicrosoft.com"}
        self.row("Tenants", "Tenants", tenant, **row, Excluded=excluded, delegatedPrivilegeStatus="directTenant")

    def zone(self, name: str) -> None:
        """Set CIPP's time zone."""
        self.row("Config", "TimeSettings", "TimeSettings", Timezone=name)
