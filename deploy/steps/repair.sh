# Repairs of CIPP's app registrations while CIPP's own credential is revoked or expired. Only functions.
# Uses shell.sh, rest.sh, sign_in.sh and clients.sh.
#
# With --allow-repair, this app's identity owns CIPP's registrations, and holds Application.ReadWrite.OwnedBy. It can
# read CIPP's credential in the vault already, so it gains: the same registrations without that credential, and new
# registrations of its own. ExecBackendSignInRepair, ExecBackendDomainRepairSignIn and the rotation of SSOAppSecret
# use it.

OWNED_BY=18a4783c-866b-4cc7-a460-3d5e5662c884
GRAPH_APP=00000003-0000-0000-c000-000000000000

repair_apply() {
    if [ -z "${PRINCIPAL:-}" ]; then # a dry run of a first deployment
        [ "${ALLOW_REPAIR:-}" != yes ] || say "Would make this app's identity an owner of CIPP's app registrations."
    elif [ "${ALLOW_REPAIR:-}" = no ]; then
        repair_take_back
    elif [ "${ALLOW_REPAIR:-}" = yes ]; then
        repair_allow
    else
        local held
        held=$(repair_roles)
        [ -n "$held" ] || repair_by_hand
    fi
}

repair_roles() {
    rows "$(graph "servicePrincipals/$PRINCIPAL/appRoleAssignments")" "value[?appRoleId=='$OWNED_BY'].[id]"
}

repair_allow() {
    local client sso="" clients graph_id="" held
    client=$(client_id_in_vault ApplicationID SAM_CLIENT_ID)
    [ "$SHAPE" != container ] || sso=$(client_id_in_vault SSOAppId SSO_CLIENT_ID)
    clients="$client $sso"
    for client in $clients; do own "$client"; done
    held=$(repair_roles)
    [ -z "$held" ] || return 0
    found graph_id "$(graph "servicePrincipals(appId='$GRAPH_APP')?\$select=id")" id || fail "Missing: Microsoft Graph."
    REPLICATING="$REPLICATING|Permission being assigned was not found on application" write post \
        "$(graph "servicePrincipals/$graph_id/appRoleAssignedTo")" \
        "{\"principalId\": \"$PRINCIPAL\", \"resourceId\": \"$graph_id\", \"appRoleId\": \"$OWNED_BY\"}"
}

# Prints a client ID of CIPP: a variable of that name, else the vault's secret. It is no secret.
client_id_in_vault() {
    local vault="" value="${!2:-}"
    if [ -z "$value" ]; then
        found vault "$(cipp_resource "Microsoft.KeyVault/vaults/$VAULT" 2023-07-01 "$VAULT_GROUP")" \
            properties.vaultUri || fail "Missing: CIPP's key vault '$VAULT'."
        value=$(read_rest "${vault%/}/secrets/$1?api-version=7.4" value --resource "$(vault_audience "$vault")") || {
            ! has_code "$value" SecretNotFound || [ "$1" = ApplicationID ] || return 0 # this CIPP has no such app
            fail "Couldn't read '$1' in the vault '$VAULT': $value Allow yourself to get secrets there, or set the" \
                "variable $2 to the client ID."
        }
    fi
    [[ "$value" =~ ^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$ ]] ||
        fail "'$1' is not a client ID. Set the variable $2."
    printf '%s' "${value,,}"
}

# https://name.vault.azure.net/ -> https://vault.azure.net
vault_audience() {
    local host=${1#https://}
    host=${host%%/*}
    printf 'https://%s' "${host#*.}"
}

own() {
    local owners
    owners=$(rows "$(graph "applications(appId='$1')/owners")" 'value[].[id]')
    [[ "$owners" != *"$PRINCIPAL"* ]] || return 0
    write post "$(graph "applications(appId='$1')/owners/\$ref")" "{\"@odata.id\": \"$(graph "directoryObjects/$PRINCIPAL")\"}"
}

# Takes both back, whoever granted them: the identity needs no permission in Microsoft Graph for anything else.
repair_take_back() {
    local object assignment listed
    listed=$(repair_roles)
    for assignment in $listed; do erase "$(graph "servicePrincipals/$PRINCIPAL/appRoleAssignments/$assignment")"; done
    listed=$(owned_registrations)
    for object in $listed; do erase "$(graph "applications/$object/owners/$PRINCIPAL/\$ref")"; done
}

owned_registrations() {
    rows "$(graph "servicePrincipals/$PRINCIPAL/ownedObjects")" \
        "value[?\"@odata.type\"=='#microsoft.graph.application'].[id]"
}

# What an admin runs as themselves if no credential of CIPP signs in any more. It was not run.
repair_by_hand() {
    say "This app can't repair CIPP's registration by itself (--allow-repair). If no credential of CIPP signs in any" \
        "more, an admin runs this in PowerShell, then restarts CIPP. docs/runbooks/cipp-cannot-sign-in.md explains it."
    cat <<END

    Connect-AzAccount -Tenant '$TENANT'
    \$samApp = Get-AzKeyVaultSecret -VaultName '$VAULT' -Name 'ApplicationID' -AsPlainText
    \$new = New-AzADAppCredential -ApplicationId \$samApp -EndDate (Get-Date).AddDays(180)
    \$value = ConvertTo-SecureString \$new.SecretText -AsPlainText -Force
    Set-AzKeyVaultSecret -VaultName '$VAULT' -Name 'ApplicationSecret' -SecretValue \$value -Expires \$new.EndDateTime
END
    [ "$SHAPE" != container ] || say "" "    The same for SSOAppId and SSOAppSecret, if nobody can sign in to CIPP."
    say ""
}
