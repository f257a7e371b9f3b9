# Reports the facts that only a real subscription can show, as text to send back. It only reads. Only functions.
# Uses shell.sh, rest.sh, sign_in.sh and clients.sh.
#
# Each line is a fact with what shows it, or "not seen" with the reason. No value is printed as Azure returns it, except
# counts, versions and words from a fixed list. Names, IDs and addresses of this installation are replaced at the end.

prove() {
    local report
    report=$(prove_this_app; prove_sign_in; prove_cipp)
    printf '%s\n' "CIPP Backend: what a real subscription shows ($(date -u +%Y-%m-%d), shape $SHAPE)" "" "$report"
    say ""
    say "Read it before you send it: it must not have a name, an ID or an address of yours."
}

fact() { printf '%-4s %s: %s\n' "$1" "$2" "$(without_names "$3")"; }

not_seen() { fact "$1" "$2" "not seen ($3)"; }

# observe NUMBER TEXT ADDRESS QUERY [arguments of az rest]: a fact is what the query returns.
observe() {
    local text
    if text=$(read_rest "${@:3}"); then
        text=${text//[$'\n\t']/ }
        fact "$1" "$2" "${text:-nothing}"
    else
        not_seen "$1" "$2" "$(code_of "$text")"
    fi
}

# Prints the code of an error, and never its text: that may name something.
code_of() {
    if [[ "$1" =~ \"[cC]ode\":[[:space:]]*\"([A-Za-z0-9_]+)\" ]]; then
        printf '%s' "${BASH_REMATCH[1]}"
    elif [[ "$1" =~ ERROR:[[:space:]]([A-Z][A-Za-z]+(\ [A-Z][A-Za-z]+)*)\( ]]; then
        printf '%s' "${BASH_REMATCH[1]}"
    elif [[ "$1" =~ (AADSTS[0-9]+) ]]; then
        printf '%s' "${BASH_REMATCH[1]}"
    else
        printf 'no response'
    fi
}

prove_this_app() {
    local site entra="properties.identityProviders.azureActiveDirectory"
    site=$(app_resource)
    observe D1 "runtime of this app" "$site" \
        "join(' ', [properties.functionAppConfig.runtime.name, properties.functionAppConfig.runtime.version, properties.state])"
    observe D2 "its host name has a hash and a region" "$site" \
        "to_string(!ends_with(properties.defaultHostName, '$APP.azurewebsites.net'))"
    observe D3 "functions that Azure lists" "$(app_resource functions)" "to_string(length(value))"
    observe D4 "timers among them" "$(app_resource functions)" \
        "to_string(length(value[?properties.config.bindings[?type=='timerTrigger']]))"
    observe D5 "sign-in as deployed (required, action, excluded paths)" "$(app_resource config/authsettingsV2)" \
        "join(' ', [to_string(properties.globalValidation.requireAuthentication), \
properties.globalValidation.unauthenticatedClientAction, join(' ', properties.globalValidation.excludedPaths)])"
    observe D6 "allowed applications, and a credential of the registration" "$(app_resource config/authsettingsV2)" \
        "join(' ', [to_string(length($entra.validation.defaultAuthorizationPolicy.allowedApplications)), \
to_string($entra.registration.clientSecretSettingName=='$FEDERATED_SETTING')])"
    observe D7 "publishing by password is allowed" "$(app_resource basicPublishingCredentialsPolicies/scm)" \
        "to_string(properties.allow)"
    observe D8 "types of resources in this app's group" "$(group_id "$SUBSCRIPTION" "$GROUP")/resources?api-version=$GROUPS_API" \
        "join(' ', sort(value[].type))"
    observe D9 "alert rules that are on" "$(group_id "$SUBSCRIPTION" "$GROUP")/providers/Microsoft.Insights\
/scheduledQueryRules?api-version=2022-06-15" "to_string(length(value[?properties.enabled]))"
    observe D10 "resource group lock" "$(group_lock)" properties.level
    not_seen D11 "how long a new identity or role replicates" "look at the first run's output: it prints each repetition"
    not_seen D12 "how a deployment cuts off what runs" "nothing may be interrupted for it"
}

# What App Service and Entra do with a caller. The address of this app never stands in the report.
prove_sign_in() {
    local text host="" address
    found host "$(app_resource)" properties.defaultHostName || true
    address=https://${host:-none.invalid}/api
    observe S1 "PublicPing without a sign-in (version, commit)" "$address/PublicPing" \
        "join(' ', [Results.Version, Results.Commit])" --skip-authorization-header
    if text=$(read_rest "$address/me" "'a response'" --skip-authorization-header); then
        fact S2 "a call without a sign-in" "Azure lets it in. That must not be: see docs/deploy.md"
    elif has_code "$text" Unauthorized; then
        fact S2 "a call without a sign-in" "refused, 401"
    else
        not_seen S2 "a call without a sign-in" "$(code_of "$text")"
    fi
    observe S3 "me with a token of the Azure CLI (its app roles, so the app trusts the platform's sign-in)" "$address/me" \
        "join(' ', clientPrincipal.userRoles)" --resource "api://${CLIENT_ID:-$(registered_client)}"
    observe S4 "permissions that this app lacks" "$address/ListBackendRights" "to_string(Results.Missing)" \
        --resource "api://${CLIENT_ID:-$(registered_client)}"
    fact S5 "this shell is Azure Cloud Shell" "$([ -n "${ACC_CLOUD:-}" ] && printf yes || printf no)"
    not_seen S6 "the sign-in page at /.auth/login/aad" "a person opens it in a browser"
    not_seen S7 "what App Service sends as the name of an API client" "an API client calls /api/me"
}

registered_client() { read_rest "$(registration '?$select=appId')" appId || printf '%s' "$NO_ID"; }

# The unknowns of CIPP itself. U numbers are those of a container.
prove_cipp() {
    local site
    site=$(cipp_resource "Microsoft.Web/sites/$CIPP_APP" 2024-04-01)
    observe C1 "kind of CIPP's app, and its state" "$site" "join(' ', [kind, properties.state])"
    observe C2 "the vault uses roles" "$(cipp_resource "Microsoft.KeyVault/vaults/$VAULT" 2023-07-01 "$VAULT_GROUP")" \
        "to_string(properties.enableRbacAuthorization)"
    observe C3 "the vault has a firewall" "$(cipp_resource "Microsoft.KeyVault/vaults/$VAULT" 2023-07-01 "$VAULT_GROUP")" \
        "properties.networkAcls.defaultAction || 'none'"
    [ "$SHAPE" = container ] || return 0
    observe U1 "instances of the container" "$(cipp_site instances)" "to_string(length(value))"
    observe U13 "its default host name has a hash and a region" "$site" \
        "to_string(!ends_with(properties.defaultHostName, '$CIPP_APP.azurewebsites.net'))"
    observe U14 "its host names (count, and whether the default one is the first)" "$site" \
        "join(' ', [to_string(length(properties.hostNames)), to_string(properties.hostNames[0]==properties.defaultHostName)])"
    observe U19 "its image is the public one" "$(cipp_site config/web)" \
        "to_string(starts_with(properties.linuxFxVersion, 'DOCKER|ghcr.io/kelvintegelaar/cipp') || \
starts_with(properties.linuxFxVersion, 'DOCKER|ghcr.io/cyberdrain/'))"
    observe U20 "its sign-in (requires it, has a client secret)" "$(cipp_site config/authsettingsV2)" "join(' ', \
[to_string(properties.globalValidation.requireAuthentication), \
to_string(properties.identityProviders.azureActiveDirectory.registration.clientSecretSettingName != null)])"
    observe U12 "references to the vault that Azure resolved" "$(cipp_site config/configreferences/appsettings)" \
        "to_string(length(value[?properties.status=='Resolved']))"
    prove_settings
    prove_tables
    prove_not_seen
}

cipp_site() { cipp_resource "Microsoft.Web/sites/$CIPP_APP/$1" 2024-04-01; }

# Which settings exist. Their values never leave the query.
prove_settings() {
    local names name
    if names=$(az rest --only-show-errors --method post --url "$(cipp_site config/appsettings/list)" \
        --query "join(' ', keys(properties))" --output tsv 2>/dev/null); then
        for name in WEBSITES_PORT WEBSITES_ENABLE_APP_SERVICE_STORAGE MSI_SECRET CIPP_SSO_RESET; do
            [[ " $names " == *" $name "* ]] && fact U15 "setting $name" "exists" || fact U15 "setting $name" "none"
        done
    else
        not_seen U15 "settings of the container" "they can't be read"
    fi
}

# Which tables and columns this version of CIPP has. Only types and counts are printed.
prove_tables() {
    local endpoint="" row
    found endpoint "$(cipp_resource "Microsoft.Storage/storageAccounts/$STORAGE" 2023-05-01)" \
        properties.primaryEndpoints.table || true
    endpoint=${endpoint%/}
    for row in "U6 InstanceHealth" "U6 AccessChecks" "U16 VersionHistory" "U10 ContainerUpdateSettings" "U7 FeatureFlags" \
        "U16 SSOMigration"; do
        observe "${row%% *}" "table ${row#* } (rows, columns)" "$endpoint/${row#* }()" \
            "join(' ', [to_string(length(value)), join(' ', sort(keys(value[0] || \`{}\`)))])" "${TABLE_CALL[@]}"
    done
    observe U10 "type of Enabled in FeatureFlags" "$endpoint/FeatureFlags()" "join(' ', value[].type(Enabled))" \
        "${TABLE_CALL[@]}"
    observe U18 "flags that are on" "$endpoint/FeatureFlags()" \
        "to_string(length(value[?Enabled==\`true\` || Enabled=='true' || Enabled=='True']))" "${TABLE_CALL[@]}"
}

TABLE_CALL=(--resource https://storage.azure.com --headers "Accept=application/json;odata=nometadata" x-ms-version=2020-12-06)

prove_not_seen() {
    not_seen U2 "whether a restart alone fetches a new sign-in secret" "nothing is restarted for it"
    not_seen U3 "whether a change of the image restarts immediately" "nothing is changed for it"
    not_seen U4 "how long a start takes" "nothing is started for it"
    not_seen U5 "status codes while it starts" "the same"
    not_seen U8 "how this version reconciles certificates" "it takes a weekly run of CIPP"
    not_seen U9 "who removes expired secrets" "the same"
    not_seen U11 "whether MSI_SECRET is in the container" "only its own processes see it"
    not_seen U17 "whether /home persists" "it takes a restart"
    not_seen U21 "whether CIPP_SSO_RESET counts while sign-in is on" "it would lock users out"
    not_seen U22 "whether CIPP trusts a header while sign-in is off" "it would open CIPP"
}

# Replaces what names this installation. A value that Azure returned could have it.
without_names() {
    local text=$1 name
    shopt -s nocasematch
    for name in "$SUBSCRIPTION" "$TENANT" "$CIPP_SUBSCRIPTION" "${CLIENT_ID:-}" "$STORAGE" "${STATIC_WEB_APP:-}" "${PLAN:-}" \
        "$APP" "$CIPP_APP" "$VAULT" "$GROUP" "$CIPP_GROUP" "${VAULT_GROUP:-}" "${PLAN_GROUP:-}"; do
        [ ${#name} -lt 5 ] || text=${text//"$name"/<name>}
    done
    shopt -u nocasematch
    while [[ "$text" =~ [0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12} ]]; do
        text=${text//"${BASH_REMATCH[0]}"/<id>}
    done
    printf '%s' "$text"
}
