"""The PowerShell that an admin runs as themselves to repair CIPP's sign-in, if this app may not. Pure. None was run."""

from typing import Final

from backend.formats import is_guid
from backend.hosting.container.sign_in.problems import IN_VAULT, SETTING

_DAYS: Final = 180


def connect(tenant: str, subscription: str = "") -> list[str]:
    """Return the lines that sign the admin in."""
    where = f" -Tenant '{tenant}'" if is_guid(tenant) else ""
    return [f"Connect-AzAccount{where}{f' -Subscription {subscription}' if is_guid(subscription) else ''}"]


def new_secret(*, app_id: str, tenant: str, subscription: str, vault: str, graph: str) -> str:
    """Return the script that creates a secret for the sign-in app and stores it in the vault. It shows no value."""
    return "\n".join(
        (
            *connect(tenant, subscription),
            f"$app = \"{graph}/v1.0/applications(appId='{app_id}')\"",
            "$id = ((Invoke-AzRestMethod -Uri ($app + '?$select=id')).Content | ConvertFrom-Json).id",
            f"$end = (Get-Date).ToUniversalTime().AddDays({_DAYS}).ToString('yyyy-MM-ddTHH:mm:ssZ')",
            "$wanted = @{ displayName = 'CIPP-SSO-Secret'; endDateTime = $end }",
            "$body = @{ passwordCredential = $wanted } | ConvertTo-Json",
            f'$uri = "{graph}/v1.0/applications/$id/addPassword"',
            "$made = (Invoke-AzRestMethod -Method POST -Uri $uri -Payload $body).Content | ConvertFrom-Json",
            "if (-not $made.secretText) { throw 'No secret was created.' }",
            "$text = ConvertTo-SecureString $made.secretText -AsPlainText -Force",
            f"Set-AzKeyVaultSecret -VaultName '{vault}' -Name {IN_VAULT} -SecretValue $text | Out-Null",
        )
    )


def reference(*, site: str, tenant: str, subscription: str, vault: str, version: str) -> str:
    """Return the script that sets the reference to the secret, and keeps all other settings. It restarts the site."""
    value = f"@Microsoft.KeyVault(VaultName={vault};SecretName={IN_VAULT})"
    return "\n".join(
        (
            *connect(tenant, subscription),
            f"$path = '{site}/config/appsettings'",
            f"$read = Invoke-AzRestMethod -Method POST -Path ($path + '/list?api-version={version}')",
            "$settings = ($read.Content | ConvertFrom-Json).properties",
            "if (-not $settings.AzureWebJobsStorage) { throw 'The settings could not be read.' }",
            f"$settings | Add-Member -Force -NotePropertyName {SETTING} -NotePropertyValue '{value}'",
            "$body = @{ properties = $settings } | ConvertTo-Json",
            f"Invoke-AzRestMethod -Method PUT -Path ($path + '?api-version={version}') -Payload $body",
        )
    )


def read_again(*, site: str, tenant: str, subscription: str, version: str) -> str:
    """Return the script that lets App Service read the references of a site again. `site` is its resource ID."""
    path = f"{site}/config/configreferences/appsettings/refresh?api-version={version}"
    return "\n".join((*connect(tenant, subscription), f"Invoke-AzRestMethod -Method POST -Path '{path}'"))
