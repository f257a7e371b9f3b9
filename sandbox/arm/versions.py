"""The API versions in which each kind of resource is available."""

import re
from typing import Final

from sandbox.arm.errors import refused

_RESOURCES: Final = (
    "2025-04-01,2025-03-01,2024-11-01,2024-08-01,2024-07-01,2024-03-01,2023-07-01,2022-12-01,2022-09-01,"
    "2022-06-01,2022-05-01,2022-01-01,2021-04-01,2021-01-01,2020-10-01,2020-09-01,2020-08-01,2020-07-01,"
    "2020-06-01,2020-05-01,2020-01-01,2019-11-01,2019-10-01,2019-09-01,2019-08-01,2019-07-01,2019-06-01,"
    "2019-05-10,2019-05-01,2019-03-01,2018-11-01,2018-09-01,2018-08-01,2018-07-01,2018-06-01,2018-05-01,"
    "2018-02-01,2018-01-01,2017-12-01,2017-08-01,2017-06-01,2017-05-10,2017-05-01,2017-03-01,2016-09-01,"
    "2016-07-01,2016-06-01,2016-02-01,2015-11-01,2015-01-01,2014-04-01-preview,2014-04-01,2014-01-01,"
    "2013-03-01,2014-02-26,2014-04"
)
_WEB: Final = (
    "2025-05-01,2025-03-01,2024-11-01,2024-04-01,2023-12-01,2023-01-01,2022-09-01,2022-03-01,2021-03-01,"
    "2021-02-01,2021-01-15,2021-01-01,2020-12-01,2020-10-01,2020-09-01,2020-06-01,2019-08-01,2019-01-01,"
    "2018-11-01,2018-02-01,2016-08-01,2016-03-01,2015-08-01"
)
_KEY_VAULT: Final = (
    "2026-05-15,2026-02-01,2025-05-01,2024-12-01-preview,2024-11-01,2024-04-01-preview,2023-08-01-preview,"
    "2023-07-01,2023-02-01,2022-11-01,2022-07-01,2022-02-01-preview,2021-11-01-preview,2021-10-01,"
    "2021-06-01-preview,2021-04-01-preview,2020-04-01-preview,2019-09-01,2018-02-14,2016-10-01,2015-06-01"
)
_STORAGE: Final = (
    "2025-08-01,2025-06-01,2025-01-01,2024-01-01,2023-05-01,2023-04-01,2023-01-01,2022-09-01,2022-05-01,"
    "2021-09-01,2021-08-01,2021-06-01,2021-05-01,2021-04-01,2021-02-01,2021-01-01,2020-08-01-preview,"
    "2019-06-01,2019-04-01,2018-11-01,2018-07-01,2018-02-01,2017-10-01,2017-06-01,2016-12-01,2016-05-01,"
    "2016-01-01,2015-06-15,2015-05-01-preview"
)
_AUTHORIZATION: Final = (
    "2022-05-01-preview,2022-04-01,2020-10-01-preview,2020-08-01-preview,2020-04-01-preview,2020-03-01-preview,"
    "2018-09-01-preview,2018-07-01,2018-01-01-preview,2017-10-01-preview,2015-07-01"
)
_IDENTITY: Final = "2024-11-30,2023-07-31-preview,2023-01-31,2022-01-31-preview,2018-11-30,2015-08-31-preview"
_LOG_ANALYTICS: Final = (
    "2025-07-01,2025-02-01,2023-09-01,2022-10-01,2021-12-01-preview,2021-06-01,2020-10-01,2020-08-01,2015-11-01-preview"
)
# Each type of Microsoft.Insights has its own versions. `locks` differs from the rest of Microsoft.Authorization.
_BY_TYPE: Final = {
    "microsoft.authorization/locks": ("2020-05-01", "2017-04-01", "2016-09-01", "2015-01-01"),
    "microsoft.insights/actiongroups": ("2023-01-01", "2022-06-01", "2022-04-01", "2021-09-01", "2019-06-01"),
    "microsoft.insights/components": ("2020-02-02", "2020-02-02-preview", "2018-05-01-preview", "2015-05-01"),
    "microsoft.insights/metricalerts": ("2018-03-01",),
    "microsoft.insights/scheduledqueryrules": ("2023-12-01", "2022-06-15", "2021-08-01", "2018-04-16"),
    "microsoft.insights/webtests": ("2022-06-15", "2018-05-01-preview", "2015-05-01"),
}
VERSIONS: Final = {
    "Microsoft.App": ["2025-07-01", "2025-01-01", "2024-03-01", "2023-05-01"],
    "Microsoft.Authorization": _AUTHORIZATION.split(","),
    "Microsoft.Insights": [*_BY_TYPE["microsoft.insights/components"]],
    "Microsoft.KeyVault": _KEY_VAULT.split(","),
    "Microsoft.ManagedIdentity": _IDENTITY.split(","),
    "Microsoft.OperationalInsights": _LOG_ANALYTICS.split(","),
    "Microsoft.Resources": _RESOURCES.split(","),
    "Microsoft.Storage": _STORAGE.split(","),
    "Microsoft.Web": _WEB.split(","),
}
_BY_LOWER_NAME: Final = {name.lower(): versions for name, versions in VERSIONS.items()}


def check_version(version: str | None, provider: str | None, resource_type: str) -> None:
    """Accept the call's api-version, or refuse it as ARM does.

    Raises:
        ArmError: 400. The version is missing or not valid, or the provider doesn't have it.
    """
    if not version:
        raise refused(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    namespace = (provider or "Microsoft.Resources").lower()
    of_the_type = _BY_TYPE.get(f"{namespace}/{resource_type.lower()}")
    versions = [*of_the_type] if of_the_type else _BY_LOWER_NAME[namespace]
    if version.lower() in versions:
        return
    of_a_provider = provider is not None and provider.lower() != "microsoft.resources"
    if of_a_provider and re.fullmatch(r"\d{4}-\d{2}-\d{2}(-[a-z]+)?", version, re.IGNORECASE):
        raise refused(
            400,
            "NoRegisteredProviderFound",
            f"No registered resource provider found for location 'westeurope' and API version '{version}' for "
            f"type '{resource_type}'. The supported api-versions are '{', '.join(reversed(versions))}'. "
            "The supported locations are 'westeurope'.",
        )
    raise refused(
        400,
        "InvalidApiVersionParameter",
        f"The api-version '{version}' is invalid. The supported versions are '{','.join(versions)}'.",
    )
