# Client programs that may call this app: the Azure CLI, Azure PowerShell, and CIPP's API clients. Only functions.
# Uses shell.sh, rest.sh and sign_in.sh. Two places must know a program: App Service lets its tokens in, and the
# registration lets it get tokens as the signed-in user. An API client signs in as itself, so App Service is enough.

POWERSHELL_CLIENT=1950a258-227b-4e31-a9cf-717495945fc2
CLI_CLIENT=04b07795-8ddb-461a-bbee-02f9e1bf7b46

# Prints the JSON list for the template's parameter `allowedApplications`. The list of the last deployment stays, with
# what somebody added to it by hand. Only an option takes something back. Messages go to stderr.
clients_allowed() {
    local own=${CLIENT_ID:-} found_clients="" client list="[]" wanted="" unwanted="" seen=" "
    check_client_options
    found found_clients "$(app_resource config/authsettingsV2)" "properties.identityProviders.azureActiveDirectory\
.validation.defaultAuthorizationPolicy.allowedApplications || \`[]\`" || true
    [ "${ALLOW_CLI:-}" != yes ] || wanted="$POWERSHELL_CLIENT $CLI_CLIENT"
    [ "${NO_ALLOW_CLI:-}" != yes ] || unwanted="$POWERSHELL_CLIENT $CLI_CLIENT"
    if [ "${API_CLIENTS:-}" = yes ]; then
        client=$(api_clients "value[?Enabled==\`true\` || Enabled=='true' || Enabled=='True'].[RowKey]")
        wanted+=" $client"
    elif [ "${API_CLIENTS:-}" = no ]; then
        client=$(api_clients "value[].[RowKey]")
        unwanted+=" $client"
    fi
    unwanted=${unwanted,,}
    for client in $found_clients $wanted; do
        client=${client,,}
        [[ "$client" =~ ^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$ ]] || continue
        [[ "$seen" != *" $client "* ]] || continue
        [[ "$client" != "$NO_ID" && "$client" != "${own,,}" && " $unwanted " != *"$client"* ]] || continue
        seen+="$client "
        list=$(with_entry "$list" "\"$client\"")
    done
    printf '%s\n' "$list"
}

check_client_options() {
    [ "${ALLOW_CLI:-}" != yes ] || [ "${NO_ALLOW_CLI:-}" != yes ] ||
        fail "Invalid options: --allow-cli and --no-allow-cli exclude each other."
}

# Prints client IDs from CIPP's table ApiClients. Requires Storage Table Data Reader for whoever runs this.
api_clients() {
    local endpoint="" clients
    found endpoint "$(cipp_resource "Microsoft.Storage/storageAccounts/$STORAGE" 2023-05-01)" \
        properties.primaryEndpoints.table || fail "Missing: CIPP's storage account '$STORAGE'."
    if ! clients=$(read_rest "${endpoint%/}/ApiClients()?\$select=RowKey,Enabled" "$1" --resource https://storage.azure.com \
        --headers "Accept=application/json;odata=nometadata" x-ms-version=2020-12-06); then
        ! has_code "$clients" TableNotFound || return 0
        fail "Couldn't read CIPP's API clients: $clients Get the role Storage Table Data Reader on '$STORAGE', or add" \
            "the client IDs to the parameter allowedApplications by hand."
    fi
    printf '%s' "$clients"
}

cipp_resource() {
    printf '/subscriptions/%s/resourceGroups/%s/providers/%s?api-version=%s' \
        "$CIPP_SUBSCRIPTION" "${3:-$CIPP_GROUP}" "$1" "$2"
}

# After the template: whether the registration gives the Azure CLI and Azure PowerShell tokens as the signed-in user.
clients_allow() {
    local state="" others="" known=0 both=0
    check_client_options
    [[ "${ALLOW_CLI:-}" = yes || "${NO_ALLOW_CLI:-}" = yes ]] || return 0
    found state "$(registration '?$select=api')" "[to_string(api.preAuthorizedApplications[?appId!='$POWERSHELL_CLIENT' \
&& appId!='$CLI_CLIENT']), to_string(length(api.preAuthorizedApplications[?appId=='$POWERSHELL_CLIENT' || \
appId=='$CLI_CLIENT'])), to_string(length(api.preAuthorizedApplications[?(appId=='$POWERSHELL_CLIENT' || \
appId=='$CLI_CLIENT') && contains(delegatedPermissionIds, '$SCOPE_ID')]))]" || true
    { read -r others && read -r known && read -r both; } <<<"$state" || true
    if [ "${NO_ALLOW_CLI:-}" = yes ]; then
        [ "${known:-0}" = 0 ] || write patch "$(registration)" "{\"api\": {\"preAuthorizedApplications\": $others}}"
        say "The Azure CLI and Azure PowerShell get no new tokens for this app. Those that exist end within 90 minutes."
        return 0
    fi
    if [ "${both:-0}" != 2 ]; then
        others=$(with_entry "${others:-[]}" "$(client_body "$POWERSHELL_CLIENT")")
        write patch "$(registration)" \
            "{\"api\": {\"preAuthorizedApplications\": $(with_entry "$others" "$(client_body "$CLI_CLIENT")")}}"
    fi
    say "From now on, each program on a machine with an 'az login' can call this app as that user. Protect this app" \
        "with Conditional Access. --no-allow-cli takes it back."
}

client_body() { printf '{"appId": "%s", "delegatedPermissionIds": ["%s"]}' "$1" "$SCOPE_ID"; }
