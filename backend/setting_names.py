"""Which settings of an app are shown, which need Force, and which are never changed, by their names."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from backend.errors import ConflictError, InvalidInputError
from backend.function_apps import FunctionApp

NAME: Final = r"[A-Za-z0-9._]{1,256}"  # App Service's documented rule
# Shown as they are; every other value is masked.
HARMLESS: Final = frozenset(
    name.lower()
    for name in (
        "AzureWebJobsDisableHomepage",
        "CIPP_CLOUD",
        "CIPP_FUNCTION_APP",
        "CIPP_HOSTED",
        "CIPP_KV_NAME",
        "CIPP_PROCESSOR",
        "CIPP_RESOURCE_GROUP",
        "CIPP_TIMEZONE",
        "FUNCTIONS_EXTENSION_VERSION",
        "FUNCTIONS_WORKER_PROCESS_COUNT",
        "FUNCTIONS_WORKER_RUNTIME",
        "KEY_ROTATION_SCHEDULE",
        "PYTHON_THREADPOOL_THREAD_COUNT",
        "SCM_DO_BUILD_DURING_DEPLOYMENT",
        "WEBSITE_NODE_DEFAULT_VERSION",
        "WEBSITE_TIME_ZONE",
    )
)
# Without these the app does not start, or starts with other code.
VITAL: Final = (
    r"AzureWebJobsStorage(__.*)?|DEPLOYMENT_STORAGE_CONNECTION_STRING|FUNCTIONS_EXTENSION_VERSION"
    r"|FUNCTIONS_WORKER_RUNTIME|WEBSITE_CONTENTAZUREFILECONNECTIONSTRING|WEBSITE_CONTENTSHARE|WEBSITE_RUN_FROM_PACKAGE"
)
NEVER: Final = r"WEBSITE_AUTH_.*|AZURE_FUNCTIONS_ENVIRONMENT"
# On our own app: what decides who may call it, whose vault and tables that is read from, over which wire, and
# whose code that decision is.
ACCESS: Final = (
    r"ALLOWED_TENANTS|TRUSTED_PROXIES|TRUST_STATIC_WEB_APP|CIPP_STORAGE.*|CIPP_KV_NAME|CIPP_FUNCTION_APP|CIPP_RESOURCE_GROUP"
    r"|CIPP_SUBSCRIPTION_ID|CIPP_CLOUD|AzureWebJobsStorage.*|IDENTITY_.*|MSI_.*"
    r"|CONTAINER_NAME|CONTAINER_APP_NAME|LEGION_SERVICE_HOST|KUBERNETES_SERVICE_HOST"
    r"|WEBSITE_INSTANCE_ID|WEBSITE_POD_NAME|WEBSITE_SKU"
    r"|WEBSITE_SITE_NAME|WEBSITE_DEPLOYMENT_ID|WEBSITE_OWNER_NAME|WEBSITE_RESOURCE_GROUP"
    r"|HTTPS?_PROXY|ALL_PROXY|NO_PROXY|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|SSL_CERT_FILE|SSL_CERT_DIR"
    r"|DEPLOYMENT_STORAGE_CONNECTION_STRING|WEBSITE_CONTENT.*|WEBSITE_RUN_FROM_PACKAGE.*|PYTHONPATH"
)


def is_harmless(name: str) -> bool:
    """Tell whether a setting's value is shown."""
    return name.lower() in HARMLESS


def check_names(to_set: Mapping[str, str], remove: Iterable[str], app: FunctionApp) -> None:
    """Check the names of a change by App Service's rule and by ours.

    Raises:
        InvalidInputError: Nothing is named, a name is none, is named twice, or is never changed here.
    """
    names = [*to_set, *remove]
    if not names:
        raise InvalidInputError("Nothing is to be set or removed.", field="Set")
    for name in to_set:
        if not re.fullmatch(NAME, name):
            raise InvalidInputError(
                f"'{name}' is no name of a setting: 1 to 256 letters, digits, periods and underscores.", field="Set"
            )
    lower = [name.lower() for name in names]
    if twins := {name for name in lower if lower.count(name) > 1}:
        raise InvalidInputError(f"Named more than once: {', '.join(sorted(twins))}.", field="Remove")
    for name in names:
        field = "Set" if name in to_set else "Remove"
        if _is(NEVER, name):
            raise InvalidInputError(f"'{name}' is the platform's, and is never changed here.", field=field)
        if app.answers_this and _is(ACCESS, name):
            raise InvalidInputError(
                f"'{name}' of the app that answers decides who may call it, and is never changed here.", field=field
            )


def check_force(names: Iterable[str], app: FunctionApp) -> None:
    """Refuse what needs Force.

    Raises:
        ConflictError: A setting without which the app may not start, or the app that answers.
    """
    if vital := [name for name in names if _is(VITAL, name)]:
        raise ConflictError(f"Without {', '.join(vital)} '{app.name}' may not start. Repeat with Force: true if meant.")
    if app.answers_this:
        raise ConflictError(
            f"'{app.name}' is the app that answers this call, and a write of its settings restarts it. "
            "Repeat with Force: true if that is meant."
        )


def _is(pattern: str, name: str) -> bool:
    """Tell whether a name is one of the pattern's as the app gets it: on Linux a period becomes an underscore."""
    plain = name.replace(".", "_").replace(":", "__")
    return re.fullmatch(pattern, plain, re.IGNORECASE | re.DOTALL) is not None
