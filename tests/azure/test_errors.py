"""The translation of errors of Azure and the SDKs into errors of this app."""

import inspect
import json
from collections.abc import Iterator, Mapping
from types import FunctionType, ModuleType

import azure.core.exceptions
import httpx
import kiota_abstractions.api_error
import kiota_http._exceptions
import msal.exceptions
import msgraph.generated.models.o_data_errors.main_error
import msgraph.generated.models.o_data_errors.o_data_error
import pytest
import requests.exceptions
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.core.utils import parse_connection_string

from backend.azure.errors.translation import while_trying_to
from backend.errors import (
    AzureError,
    AzureRefusedError,
    AzureUnreachableError,
    BackendError,
    InvalidInputError,
    NotFoundError,
)
from tests.support import phrases

LIBRARIES: tuple[ModuleType, ...] = (
    azure.core.exceptions,
    requests.exceptions,
    httpx,
    kiota_abstractions.api_error,
    kiota_http._exceptions,  # noqa: SLF001 - the only place where kiota's transport keeps its errors
    msal.exceptions,
    msgraph.generated.models.o_data_errors.o_data_error,
)


def exceptions() -> Iterator[type[Exception]]:
    for library in LIBRARIES:
        for found in vars(library).values():
            if inspect.isclass(found) and issubclass(found, Exception) and not issubclass(found, Warning):
                yield found


class GoneError(Exception):
    """An exception of this app that is not an error of Azure."""


def raised(error: Exception) -> BackendError:
    """Return the translation of a library's error."""
    with pytest.raises(BackendError) as translated, while_trying_to("open the box"):
        raise error
    assert translated.value.__cause__ is error
    return translated.value


@pytest.mark.parametrize(
    "kind", sorted(set(exceptions()), key=repr), ids=lambda kind: f"{kind.__module__}.{kind.__name__}"
)
def test_every_exception_of_the_libraries_is_translated(kind: type[Exception]) -> None:
    error = kind.__new__(kind)
    for field in ("message", "reason", "response", "status_code", "response_status_code", "error", "_error_format"):
        if not hasattr(error, field):
            error.__dict__[field] = None
    translated = raised(error)
    assert isinstance(translated, AzureError)
    assert str(translated).startswith("Couldn't open the box: ")


@pytest.mark.parametrize("kind", [OSError, TimeoutError, ConnectionResetError, FileNotFoundError])
def test_local_network_error_counts_as_unreachable(kind: type[OSError]) -> None:
    assert isinstance(raised(kind("gone")), AzureUnreachableError)


@pytest.mark.parametrize("kind", [KeyError, TypeError, ZeroDivisionError, GoneError])
def test_internal_error_is_not_translated(kind: type[Exception]) -> None:
    with pytest.raises(kind), while_trying_to("open the box"):
        raise kind("x")


def test_backend_error_passes_unchanged() -> None:
    ours = InvalidInputError("no", field="x")
    with pytest.raises(InvalidInputError) as passed, while_trying_to("open the box"):
        raise ours
    assert passed.value is ours


# Azure's envelopes, as recorded.


class Answer:
    """As much of azure-core's response as an error holds."""

    def __init__(self, status: int, body: str, reason: str = "Some Reason") -> None:
        self.status_code = status
        self.reason = reason
        self.headers: Mapping[str, str] = {}
        self._body = body

    def text(self) -> str:
        return self._body


POLICY = (
    "The user, group or application 'appid=a;oid=1f2e;iss=https://sts.windows.net/x/' does not have secrets get "
    "permission on key vault 'cippabc12;location=westeurope'. For help resolving this issue, please see x"
)
RBAC = (
    "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role "
    "definitions were changed recently, please observe propagation time.\r\nCaller: appid=a;oid=1f2e;iss=x\r\n"
    "Action: 'Microsoft.KeyVault/vaults/secrets/setSecret/action'\r\nResource: "
    "'/subscriptions/s/resourcegroups/cipp/providers/microsoft.keyvault/vaults/cippabc12/secrets/x'\r\n"
    "Assignment: (not found)\r\nDenyAssignmentId: null\r\nDecisionReason: 'DeniedWithNoValidRBAC' \r\n"
)
LOCK = "Cannot acquire exclusive lock to create, update or delete this site. Retry the request later."
XML = (
    '<?xml version="1.0"?><m:error xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">'
    '<m:code>AuthorizationFailure</m:code><m:message xml:lang="en-US">This request is not authorized &amp; logged.\n'
    "RequestId:1</m:message></m:error>"
)
DENIED = (
    "The client 'c' with object id '1f2e' does not have authorization to perform action "
    "'Microsoft.Web/sites/restart/action' over scope '/subscriptions/s/resourceGroups/g' or the scope is invalid."
)


@pytest.mark.parametrize(
    ("status", "body", "code", "words"),
    [
        (
            401,
            {"error": {"code": "Unauthorized", "message": "AKV10000: Request is missing"}},
            "Unauthorized",
            "AKV10000",
        ),
        (
            403,
            {"error": {"code": "Forbidden", "message": POLICY, "innererror": {"code": "AccessDenied"}}},
            "Forbidden/AccessDenied",
            "az keyvault set-policy --name cippabc12 --object-id 1f2e --secret-permissions get",
        ),
        (
            403,
            {"error": {"code": "Forbidden", "message": RBAC, "innererror": {"code": "ForbiddenByRbac"}}},
            "Forbidden/ForbiddenByRbac",
            '"Key Vault Secrets Officer" --scope /subscriptions/s/resourcegroups/cipp/providers/microsoft.keyvault/',
        ),
        (
            403,
            {"error": {"code": "AuthorizationFailed", "message": DENIED}},
            "AuthorizationFailed",
            'ServicePrincipal --role "Website Contributor" --scope /subscriptions/s/resourceGroups/g',
        ),
        (
            409,
            {"error": {"code": "Conflict", "message": "x", "innererror": {"code": "ObjectIsDeletedButRecoverable"}}},
            "Conflict/ObjectIsDeletedButRecoverable",
            "409 (Conflict/ObjectIsDeletedButRecoverable): x.",
        ),
        (429, {"error": {"code": "Throttled", "message": "Too many"}}, "Throttled", "60 seconds"),
        (429, {"Code": "429", "Message": LOCK, "Target": None, "Details": [], "Innererror": None}, "429", LOCK),
        (500, {"Message": "An error has occurred."}, "", "An error has occurred"),
        (
            503,
            "<html><head><title>Service Unavailable</title></head><body><h2>Busy</h2></body></html>",
            "",
            "an HTML page",
        ),
        (504, {"error": {"code": "GatewayTimeout", "message": "late"}}, "GatewayTimeout", phrases.CHECK_BEFORE_RETRY),
        (
            401,
            {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret is provided."},
            "invalid_client",
            "AADSTS7000215",
        ),
        (400, "", "", "Some Reason"),
        (400, "null", "", "Some Reason"),
        (400, "[]", "", "Some Reason"),
        (400, '{"error": null}', "", "Some Reason"),
        (400, '{"error": {"code": null, "message": null}}', "", "Some Reason"),
        (400, '{"error": {"code": 7, "message": {"lang": "en", "value": "odd"}}}', "7", "odd"),
        (400, '{"error": []}', "", "Some Reason"),
        (400, "{", "", "Some Reason"),
        (400, "sorry", "", f"Some Reason ({phrases.BODY_WAS} {phrases.PLAIN_TEXT}, {phrases.BODY_NOT_SHOWN})"),
        (403, XML, "AuthorizationFailure", "This request is not authorized & logged."),
    ],
)
def test_each_of_azures_envelopes_is_read(status: int, body: object, code: str, words: str) -> None:
    answer = Answer(status, body if isinstance(body, str) else json.dumps(body))
    error = raised(HttpResponseError(response=answer))  # type: ignore[arg-type] # only the attributes that are read
    assert isinstance(error, AzureRefusedError)
    assert (error.status, error.code) == (status, code)
    assert words in str(error)
    assert "\n" not in str(error)
    assert "<" not in str(error).replace("<this app>", "")


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": "Bad", "message": "Clone of https://u:PLANTED@h.example/p?x=PLANTED failed: sig=PLANTED"}},
        {"Code": "Bad", "Message": "Wrong: AccountName=a;AccountKey=PLANTED;EndpointSuffix=b"},
        {"error": {"code": "sig=PLANTED", "message": "Bearer PLANTED1 expired", "innererror": {"code": "PLANTED@@"}}},
        {"odata.error": {"code": "Bad", "message": {"lang": "en", "value": "client_secret=PLANTED"}}},
        {"error": "invalid_client", "error_description": "AADSTS7000215: PLANTED. Trace ID: 1f2e\r\n"},
        {"error": "sig=PLANTED", "error_description": "AADSTS1: PLANTED"},
        "<html><title>PLANTED</title></html>",
        "PLANTED",
        XML.replace("authorized", "authorized (sig=PLANTED)"),
    ],
)
def test_refusal_shows_no_credential_of_azures_response(body: object) -> None:
    answer = Answer(400, body if isinstance(body, str) else json.dumps(body), "Bad Request?sig=PLANTED")
    error = raised(HttpResponseError(response=answer))  # type: ignore[arg-type] # as above
    assert isinstance(error, AzureRefusedError)
    assert "PLANTED" not in f"{error} {error.code}"


def test_graphs_error_without_words_shows_no_text_of_kiota() -> None:
    error = raised(kiota_abstractions.api_error.APIError("PLANTED", 503, {}))
    assert isinstance(error, AzureRefusedError)
    assert (error.status, "PLANTED" in str(error)) == (503, False)


@pytest.mark.parametrize(
    "text",
    [
        "No configuration. Token request error: (invalid_scope) 400, Wrong sig=PLANTED at https://u:PLANTED@h.example/x",
        'Unexpected response "PLANTED"',
    ],
)
def test_identity_without_a_token_shows_no_credential(text: str) -> None:
    error = raised(ClientAuthenticationError(text))
    assert isinstance(error, AzureRefusedError)
    assert error.status == (400 if "400" in text else 401)
    assert "PLANTED" not in str(error)


def test_azures_404_is_a_thing_that_is_not_there() -> None:
    body = {"error": {"code": "ResourceGroupNotFound", "message": "Resource group 'X' could not be found."}}
    error = raised(HttpResponseError(response=Answer(404, json.dumps(body))))  # type: ignore[arg-type] # as above
    assert isinstance(error, NotFoundError)
    assert "Resource group 'X' could not be found." in str(error)


@pytest.mark.parametrize("status", [200, 204, 302])
def test_unreadable_response_is_not_a_refusal(status: int) -> None:
    error = raised(HttpResponseError(message="no JSON", response=Answer(status, "<html>")))  # type: ignore[arg-type] # as above
    assert isinstance(error, AzureUnreachableError)


def test_graphs_error_is_read() -> None:
    main = msgraph.generated.models.o_data_errors.main_error.MainError(
        code="Authorization_RequestDenied", message="Insufficient privileges to complete the operation."
    )
    graphs = msgraph.generated.models.o_data_errors.o_data_error.ODataError(error=main, response_status_code=403)
    error = raised(graphs)
    assert isinstance(error, AzureRefusedError)
    assert (error.status, error.code) == (403, "Authorization_RequestDenied")


def read_the_example() -> None:
    parse_connection_string("AccountKey")


def test_error_in_a_library_is_logged_with_its_type_and_place_alone(caplog: pytest.LogCaptureFixture) -> None:
    of_the_product = FunctionType(read_the_example.__code__, {**globals(), "__name__": "backend.example"})
    with pytest.raises(AzureUnreachableError), while_trying_to("read the example"):
        of_the_product()
    (record,) = caplog.records
    place = "ValueError in azure.core.utils._connection_string_parser, line "
    assert place in record.getMessage()
    assert "malformed" not in record.getMessage()  # the library's own text, which could repeat a value
