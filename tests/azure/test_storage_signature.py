"""CIPP's storage by a shared access signature: it shows in no response, no log line and no row."""

import contextlib
import os
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, quote

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.data.tables import AccountSasPermissions, ResourceTypes, generate_account_sas

from backend.errors import BackendError
from sandbox.names import PLANTED
from tests.support.api import Api, functions
from tests.support.rotation.others import Others
from tests.support.rotation.storage import Storage
from tests.support.sandbox_client import Sandbox
from tests.test_secrets_stay import at_its_loudest, impatient, leaks

__all__ = ["impatient"]


def with_signature(connection_string: str) -> tuple[str, set[str]]:
    """Return the same storage by a shared access signature, and the signature in each form that an address has."""
    parts = dict(part.split("=", 1) for part in connection_string.split(";"))
    signature = generate_account_sas(
        AzureNamedKeyCredential(parts["AccountName"], parts["AccountKey"]),
        ResourceTypes(service=True, object=True, container=True),
        AccountSasPermissions(**dict.fromkeys(("read", "write", "delete", "list", "add", "create", "update"), True)),
        datetime.now(UTC) + timedelta(hours=1),
    )
    (signed,) = parse_qs(signature)["sig"]
    whole = f"TableEndpoint={parts['TableEndpoint']};SharedAccessSignature={signature}"
    return whole, {signed, quote(signed, safe=""), quote(signed)}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("lost", ["/Config", "/CippBackend", "/Tenants", "$batch"])
def test_signature_of_the_storage_stays_hidden_when_a_call_is_cut(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, lost: str
) -> None:
    at_its_loudest(caplog)
    others = Others(azure)
    others.zone("UTC")
    with Storage(azure.env["AzureWebJobsStorage"]).running() as storage:
        whole, hidden = with_signature(storage.connection_string)
        nowhere.setenv("CIPP_STORAGE", whole)
        storage.loses = lambda _method, path: lost in path
        api = Api()
        texts = [api.post("ExecTimeSettings", {"Timezone": "UTC"}).text, api.post("ExecKeyRotation", {}).text]
        texts += [api.get(name).text for name in ("ListKeyRotations", "ListBackendRights", "ListBackend", "me")]
        for timer in ("weeklykeyrotation", "keyrotationcatchup"):
            with contextlib.suppress(BackendError):
                functions()[timer].get_user_function()(None)
        assert any(lost in call and "sig=" in call for call in storage.calls)
    rows = [row for table in others.tables.list_tables() for row in others.rows(table.name, record=True)]
    assert lost == "$batch" or any(row.get("API") == "Backend" for row in rows)
    assert leaks([*texts, caplog.text, str(rows)], hidden) == []
    assert "sig=" not in f"{texts} {caplog.text} {rows}".replace("sig=[hidden]", "").replace("sig=REDACTED", "")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "https://127.0.0.1:9", "https://nowhere.invalid"])
def test_signature_of_the_storage_stays_hidden_when_it_is_unreachable(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, endpoint: str
) -> None:
    del azure
    at_its_loudest(caplog)
    nowhere.setenv("NO_PROXY", "*")
    for name in [name for name in os.environ if name.lower().endswith("s_proxy")]:
        nowhere.delenv(name)
    nowhere.setenv("CIPP_STORAGE", f"TableEndpoint={endpoint}/account;SharedAccessSignature=sv=1&sig={PLANTED}")
    answer = Api().post("ExecTimeSettings", {"Timezone": "UTC"})
    assert (answer.status, PLANTED in answer.text + caplog.text) == (500, False)
    assert endpoint.partition("//")[2] in answer.results
    functions()["weeklykeyrotation"].get_user_function()(None)
    assert PLANTED not in caplog.text
