"""The storage account that the app's settings name, and how to open it. Pure: reads only the environment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from backend.configuration.clouds import Cloud
from backend.errors import NotConfiguredError

PREFIXES: Final = ("CIPP_STORAGE", "AzureWebJobsStorage")  # the first with a value in any format wins
ADDRESS: Final = "__tableServiceUri"
ACCOUNT: Final = "__accountName"  # how Azure configures a host that uses an identity for its storage
NOT_CONFIGURED: Final = (
    "No storage account is configured (CIPP_STORAGE or AzureWebJobsStorage), so CIPP's tables are unreachable. "
    "Set CIPP_STORAGE or CIPP_STORAGE__tableServiceUri to CIPP's account."
)
_NAME: Final = r"[a-z0-9]{3,24}"  # Azure's rule for the name of a storage account
_EMULATOR: Final = "devstoreaccount1"


@dataclass(frozen=True)
class StorageSettings:
    """The storage account from one setting.

    `account` is its name, or "" if the setting does not contain it. Either `connection_string` is set, or `address`,
    which this app opens with its identity.
    """

    setting: str
    account: str
    connection_string: str = field(default="", repr=False)
    address: str = ""

    @property
    def by_identity(self) -> bool:
        """Whether the app opens the account with its identity, not with a connection string."""
        return not self.connection_string

    @property
    def sentence_start(self) -> str:
        """The account as the start of a sentence, without a key or a signature."""
        name = f" '{self.account}'" if self.account else ""
        return f"The storage account{name} ({self.setting})"


def storage_of(environ: Mapping[str, str], cloud: Cloud) -> StorageSettings | None:
    """Return the storage account that the settings name, or None.

    For each prefix, a connection string wins over an address, and an address over a name.

    Raises:
        NotConfiguredError: The name is not a valid name of a storage account.
    """
    for prefix in PREFIXES:
        if text := environ.get(prefix, "").strip():
            return StorageSettings(prefix, _account_in(text), connection_string=text)
        if uri := environ.get(f"{prefix}{ADDRESS}", "").strip():
            return StorageSettings(f"{prefix}{ADDRESS}", _account_at(uri), address=uri)
        if name := environ.get(f"{prefix}{ACCOUNT}", "").strip():
            return _by_name(f"{prefix}{ACCOUNT}", name, cloud)
    return None


def _by_name(setting: str, name: str, cloud: Cloud) -> StorageSettings:
    if not re.fullmatch(_NAME, name):
        raise NotConfiguredError(
            f"Invalid setting {setting}: a storage account's name has 3 to 24 lowercase letters and digits.",
            advice="Set it to the name of CIPP's account.",
        )
    return StorageSettings(setting, name, address=f"https://{name}.table.{cloud.storage_suffix}")


def _account_in(connection_string: str) -> str:
    """Return the account in a connection string, or "" if it is missing or can't be read."""
    parts = (part.partition("=") for part in connection_string.split(";"))
    values = {name.strip().lower(): value.strip() for name, _, value in parts}
    if values.get("usedevelopmentstorage", "").lower() == "true":
        return _EMULATOR
    name = values.get("accountname", "")
    return name if re.fullmatch(_NAME, name) else _account_at(values.get("tableendpoint", ""))


def _account_at(address: str) -> str:
    """Return the account in an address such as https://name.table.core.windows.net, or ""."""
    try:
        parts = urlsplit(address if "://" in address else f"https://{address}")
        host = parts.hostname or ""
    except ValueError:
        return ""
    if match := re.fullmatch(rf"({_NAME})(-secondary)?\.([a-z0-9-]+\.)*table\..+", host):
        return match[1]
    first = parts.path.strip("/").partition("/")[0]  # an emulator's: http://127.0.0.1:10002/devstoreaccount1
    return first if re.fullmatch(_NAME, first) else ""
