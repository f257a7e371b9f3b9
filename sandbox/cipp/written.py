"""The rows that CIPP writes into its tables, in the formats of CIPP."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sandbox import names
from sandbox.cipp.process import Check
from sandbox.moment import moment
from sandbox.registry.images import Image
from sandbox.tables.rows import Row

BUCKET: Final = timedelta(minutes=5)
_LISTS: Final = ("Messages", "ErrorMessages", "MissingPermissions", "CPVRefreshList", "Links")
_DETAILS: Final = ("AppId", "AppName", "Audience", "AuthMethods", "IPAddress", "Name", "Scope", "Roles")
_MORE_DETAILS: Final = ("TenantId", "UserPrincipalName")


def access_check(check: Check) -> Row:
    """Return the row that ends each check of permissions. After a failed sign-in, its details are empty."""
    app_id, result = check.loaded.value("ApplicationID"), check.result
    identity: dict[str, object] = {
        "AppId": app_id,
        "AppName": names.SAM_DISPLAY_NAME,
        "TenantId": check.loaded.value("TenantID"),
    }
    user = {"Name": names.ADMIN_NAME, "UserPrincipalName": names.ADMIN_NAME, "AuthMethods": ["pwd", "mfa"]}
    data: dict[str, Any] = {
        "AccessTokenDetails": _details({**identity, **user}) if result.delegated else _details({}),
        "ApplicationTokenDetails": _details(identity) if result.app else None,
        **{name: [] for name in _LISTS},
        "Success": result.app and result.delegated,
    }
    if not result.works:
        data["ErrorMessages"] = [f"Could not sign in: {', '.join(result.fails)}."]
    return Row("AccessChecks", "AccessCheck", "AccessPermissions", {"Data": json.dumps(data)}, check.ends)


def _details(identity: dict[str, object]) -> dict[str, object]:
    empty: dict[str, object] = dict.fromkeys((*_DETAILS, *_MORE_DETAILS), "")
    empty |= {"Scope": [], "Roles": [], "AuthMethods": []}
    return {**empty, **identity}


def boot(at: datetime, version: str) -> Row:
    """Return the row of a start."""
    columns = {"Kind": "boot", "Bucket": _bucket(at), "BootTime": moment(at), "Version": version}
    return Row("InstanceHealth", "InstanceHealth", f"{_bucket(at)}_boot", columns)


def sample(at: datetime) -> Row:
    """Return the row of the five minutes that begin at or before a time."""
    counts = ("OomCount", "WatchdogCount", "PoolExhaustedCount", "ErrCount", "MaxLimiterWaitMs", "StalledRunCount")
    columns = {"Kind": "sample", "Bucket": _bucket(at), **dict.fromkeys(counts, 0), "TopEndpointsMs": "{}"}
    return Row("InstanceHealth", "InstanceHealth", f"{_bucket(at)}_sample", columns, floored(at))


def floored(at: datetime) -> datetime:
    """Return the start of the five minutes in which a time is."""
    return at - (at.astimezone(UTC) - datetime.min.replace(tzinfo=UTC)) % BUCKET


def _bucket(at: datetime) -> str:
    return floored(at).astimezone(UTC).strftime("%Y-%m-%dT%H:%M")


def version_rows(at: datetime, new: tuple[str, str], old: tuple[str, str] | None) -> list[Row]:
    """Return the rows of a start with another version. Each pair is a version and the tag of its image."""
    recorded = {"ImageTag": new[1], "RecordedAt": moment(at)}
    rows = [Row("VersionHistory", "Version", "Current", {"Version": new[0], **recorded})]
    if old is not None:
        columns = {"PreviousVersion": old[0], "NewVersion": new[0], "PreviousImageTag": old[1], **recorded}
        rows.append(Row("VersionHistory", "History", f"{old[0]}_to_{new[0]}", columns))
    return rows


def update_settings(at: datetime, running: str, tag: str, found: Image | None) -> Row:
    """Return the row of a check for updates. All columns are text."""
    columns = {
        "AutoUpdate": "true",
        "CheckInterval": "1h",
        "CheckTime": "23",
        "LastCheck": str(int(at.timestamp())),
        "UpdateAvailable": str(found is not None and found.version != running),
        "RunningVersion": running,
        "RemoteVersion": found.version if found else "",
        "RemoteDigest": found.digest if found else "",
        "RemoteBuildDate": moment(found.created) if found else "",
        "CheckedTag": tag,
    }
    return Row("ContainerUpdateSettings", "Settings", "UpdateConfig", columns)


def certificate_flag(*, enabled: bool) -> Row:
    """Return the row that turns certificate-only mode on or off."""
    return Row("FeatureFlags", "FeatureFlag", "CertificateAuthentication", {"Enabled": enabled})


def seeded_users() -> list[Row]:
    """Return the users of the tenant with their roles. A guest's name can't be the key of a row."""
    roles = {names.MEMBER_NAME: ["superadmin"], names.ADMIN_NAME: ["editor"]}
    return [
        Row(
            "allowedUsers",
            "User",
            name.lower(),
            {"Roles": json.dumps(own), "ManualRoles": json.dumps(own), "AutoRoles": "[]", "Source": "Manual"},
        )
        for name, own in roles.items()
    ]


def sign_in_row(host: str, created: datetime) -> Row:
    """Return the row of a finished setup of the sign-in."""
    columns = {
        "AppId": names.SSO_APP_ID,
        "ObjectId": names.SSO_OBJECT_ID,
        "MultiTenant": "false",
        "RedirectUri": f"https://{host}/.auth/login/aad/callback",
        "Status": "complete",
        "CreatedAt": moment(created),
        "LastChecked": moment(created),
        "LastError": "",
        "Preconsented": "",
    }
    return Row("SSOMigration", "SSO", "MigrationConfig", columns)


def address_row(host: str) -> Row:
    """Return the row with CIPP's own address."""
    return Row("Config", "InstanceProperties", "CIPPURL", {"Value": host})


def time_zone_row(zone: str) -> Row:
    """Return the row with CIPP's time zone."""
    return Row("Config", "TimeSettings", "TimeSettings", {"Timezone": zone, "TimezoneSource": "User"})
