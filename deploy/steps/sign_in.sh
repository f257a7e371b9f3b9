# The sign-in: this app's registration in Microsoft Entra ID, its roles, and who has them. Only functions.
# Uses shell.sh and rest.sh. Sets CLIENT_ID and SP_ID.

# The IDs of docs/deploy.md: the same in every installation, so that a second run finds what the first has created.
SCOPE_ID=23deac2b-63a0-5de8-8fb6-87bd87e67467
SUPERADMIN_ROLE=24c70bfc-d927-5313-b17d-c859d74c34a6
APP_ROLES="$SUPERADMIN_ROLE superadmin
5bb1854a-d5fd-5e1e-ae42-e62fae474618 admin
de667dde-cd82-59a7-b5d3-fe0561244fbc editor
54724633-f74c-5da8-9654-5af2ff245f7f readonly"
NO_ID=00000000-0000-0000-0000-000000000000
FEDERATED_NAME=cipp-backend
FEDERATED_SETTING=OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID

# Before the template: the registration with its app roles and its scope, its identifier, and its service principal.
sign_in_create() {
    local state parts identifiers
    if found state "$(registration '?$select=appId,identifierUris,appRoles,api')" \
        "[appId, to_string(identifierUris), join(' ', appRoles[].id), join(' ', api.oauth2PermissionScopes[].id)]"; then
        mapfile -t parts <<<"$state"
        CLIENT_ID=${parts[0]} identifiers=${parts[1]:-[]}
        is_own "${parts[2]:-} ${parts[3]:-}" || fail "The registration '$APP' exists in Microsoft Entra ID, and this" \
            "script did not create it. Choose another name for this app."
        add_missing_roles "${parts[2]:-}"
        add_missing_scope "${parts[3]:-}"
    else
        identifiers="[]"
        CLIENT_ID=$(write patch "$(registration)" "$(registration_body)" --headers Prefer=create-if-missing \
            --query appId --output tsv)
        if [ -z "$CLIENT_ID" ] && [ "${DRY_RUN:-}" != yes ]; then # it existed, and the first read came too early
            CLIENT_ID=$(retried az rest --only-show-errors --method get --url "$(registration)" --query appId --output tsv)
        fi
    fi
    : "${CLIENT_ID:=$NO_ID}"
    [[ "$identifiers" == *"\"api://$CLIENT_ID\""* ]] || write patch "$(registration)" \
        "{\"identifierUris\": $(with_entry "$identifiers" "\"api://$CLIENT_ID\"")}"
    create_service_principal
}

registration() { graph "applications(uniqueName='$APP')${1:-}"; }

# True if a registration has the scope or the first role of this app. No other registration has these IDs.
is_own() { [[ "$1" == *"$SCOPE_ID"* || "$1" == *"$SUPERADMIN_ROLE"* ]]; }

create_service_principal() {
    local state
    SP_ID="" ASSIGNMENT_STATE=""
    if [ "$CLIENT_ID" != "$NO_ID" ] && found state "$(service_principal '?$select=id,appRoleAssignmentRequired')" \
        "[id, to_string(appRoleAssignmentRequired)]"; then
        SP_ID=${state%%$'\n'*} ASSIGNMENT_STATE=${state#*$'\n'}
        return 0
    fi
    SP_ID=$(write patch "$(service_principal)" '{}' --headers Prefer=create-if-missing --query id --output tsv)
    if [ -z "$SP_ID" ] && [ "${DRY_RUN:-}" != yes ]; then
        SP_ID=$(retried az rest --only-show-errors --method get --url "$(service_principal)" --query id --output tsv)
    fi
    : "${SP_ID:=$NO_ID}"
}

service_principal() { graph "servicePrincipals(appId='$CLIENT_ID')${1:-}"; }

registration_body() {
    local roles="[]" id name
    while read -r id name; do roles=$(with_entry "$roles" "$(role_body "$id" "$name")"); done <<<"$APP_ROLES"
    printf '{"displayName": "%s", "signInAudience": "AzureADMyOrg", "web": %s, "api": %s, "appRoles": %s}' "$APP" \
        '{"implicitGrantSettings": {"enableIdTokenIssuance": true}}' \
        "{\"requestedAccessTokenVersion\": 2, \"oauth2PermissionScopes\": [$(scope_body)]}" "$roles"
}

role_body() {
    printf '{"id": "%s", "allowedMemberTypes": ["User"], "displayName": "%s", "description": "CIPP role %s",' "$1" "$2" "$2"
    printf ' "value": "%s", "isEnabled": true}' "$2"
}

# Only an admin can consent to it, so no program of another company gets it from a user.
scope_body() {
    printf '{"id": "%s", "value": "user_impersonation", "type": "Admin", "isEnabled": true, ' "$SCOPE_ID"
    printf '"adminConsentDisplayName": "Call %s", "adminConsentDescription": "Call %s as the signed-in user"}' "$APP" "$APP"
}

# Adds the roles that a registration lacks. Those that somebody added by hand stay, such as a custom role of CIPP.
add_missing_roles() {
    local id name roles=""
    while read -r id name; do
        [[ "$1" != *"$id"* ]] || continue
        [ -n "$roles" ] || found roles "$(registration '?$select=appRoles')" "to_string(appRoles)"
        roles=$(with_entry "$roles" "$(role_body "$id" "$name")")
    done <<<"$APP_ROLES"
    [ -z "$roles" ] || write patch "$(registration)" "{\"appRoles\": $roles}"
}

add_missing_scope() {
    local scopes
    [[ "$1" != *"$SCOPE_ID"* ]] || return 0
    found scopes "$(registration '?$select=api')" "to_string(api.oauth2PermissionScopes)"
    write patch "$(registration)" "{\"api\": {\"oauth2PermissionScopes\": $(with_entry "$scopes" "$(scope_body)")}}"
}

# After the template: the address, the first superadmins, and the options of the sign-in.
sign_in_complete() {
    add_redirect
    federated_apply
    assign_superadmins
    require_assignment
}

add_redirect() {
    local REDIRECT=${REDIRECT:-"<the address of this app>"} state="" addresses tokens
    found state "$(registration '?$select=web')" \
        "[to_string(web.redirectUris), to_string(web.implicitGrantSettings.enableIdTokenIssuance)]" || true
    addresses=${state%%$'\n'*} tokens=${state#*$'\n'}
    [[ "$addresses" != *"\"$REDIRECT\""* || "$tokens" != true ]] || return 0
    [[ "$addresses" == *"\"$REDIRECT\""* ]] || addresses=$(with_entry "$addresses" "\"$REDIRECT\"")
    write patch "$(registration)" \
        "{\"web\": {\"redirectUris\": $addresses, \"implicitGrantSettings\": {\"enableIdTokenIssuance\": true}}}"
}

# Prints the assignments of roles of this app: role, principal, and its type. Access without a role is none of them.
assigned_roles() {
    rows "$(graph "servicePrincipals/$SP_ID/appRoleAssignedTo")" \
        "value[?appRoleId!='$NO_ID'].[appRoleId, principalId, principalType]"
}

# Gives superadmin to whoever runs this, and to a second account. So one lost account does not lock everyone out.
assign_superadmins() {
    local superadmins="" me="" other
    [ "$SP_ID" = "$NO_ID" ] || superadmins=$(assigned_roles)
    superadmins=$(grep "^$SUPERADMIN_ROLE" <<<"$superadmins" || true)
    if me=$(read_rest "$(graph 'me?$select=id')" id); then
        assign_superadmin "$me" "$superadmins"
    elif [[ "$me" != *"only valid with delegated"* ]]; then
        fail "Couldn't read your own account: $me"
    else
        me=""
        say "You aren't signed in as a user, so you get no role in this app."
    fi
    if [ -z "${BREAK_GLASS:-}" ] && ! has_second_superadmin "$me" "$superadmins"; then ask_break_glass; fi
    [ -n "${BREAK_GLASS:-}" ] || return 0
    found other "$(graph "users/$(url_text "$BREAK_GLASS")?\$select=id")" id ||
        fail "The tenant has no user '$BREAK_GLASS'. Run this again with the sign-in name of your break-glass account."
    [ "$other" != "$me" ] || fail "'$BREAK_GLASS' is your own account. Name a second one as the break-glass account."
    assign_superadmin "$other" "$superadmins"
}

has_second_superadmin() {
    local role principal kind
    while IFS=$'\t' read -r role principal kind; do
        [ -z "$principal" ] || [ "$principal" = "$1" ] || return 0
    done <<<"$2"
    return 1
}

ask_break_glass() {
    if [ "${YES:-}" != yes ] && [ "${DRY_RUN:-}" != yes ] && [ -t 0 ]; then
        say "A second superadmin keeps you from being locked out. Use an account that you keep for emergencies."
        read -r -p "Sign-in name of your break-glass account (empty: none): " BREAK_GLASS || BREAK_GLASS=""
    fi
    [ -n "${BREAK_GLASS:-}" ] || say "Warning: no second superadmin. Run this again with --break-glass <sign-in name>."
}

# A principal whose service principal is new may be unknown to this part of the directory, and so may its roles.
assign_superadmin() {
    local REPLICATING="$REPLICATING|Permission being assigned was not found on application"
    [[ "$2" != *"$1"* ]] || return 0
    write post "$(graph "servicePrincipals/$SP_ID/appRoleAssignedTo")" \
        "{\"principalId\": \"$1\", \"resourceId\": \"$SP_ID\", \"appRoleId\": \"$SUPERADMIN_ROLE\"}"
}

require_assignment() {
    if [ "${ASSIGNMENT_REQUIRED:-}" = yes ]; then
        say "Assignment is required: Entra issues tokens for this app only to those who are assigned to it. Then these" \
            "stop counting, unless the user or the group is assigned too: roles by CIPP's groups, and the roles that" \
            "CIPP's page gives the users of a container. API clients get no token at all, because the app roles are" \
            "for users."
        [ "${ASSIGNMENT_STATE:-}" = true ] ||
            write patch "$(graph "servicePrincipals/$SP_ID")" '{"appRoleAssignmentRequired": true}'
    elif [ "${ASSIGNMENT_STATE:-}" = true ]; then
        say "Assignment is required, as set before. To undo that:" \
            "az ad sp update --id $CLIENT_ID --set appRoleAssignmentRequired=false"
    fi
}

# Prints the value of the template's parameter `federatedSignIn`: as chosen, else as deployed before.
sign_in_federated() {
    local setting=""
    case ${FEDERATED:-} in
        yes) printf true ;;
        no) printf false ;;
        *)
            found setting "$(app_resource config/authsettingsV2)" \
                "properties.identityProviders.azureActiveDirectory.registration.clientSecretSettingName" || true
            if [ "$setting" = "$FEDERATED_SETTING" ]; then printf true; else printf false; fi
            ;;
    esac
}

app_resource() {
    printf '/subscriptions/%s/resourceGroups/%s/providers/Microsoft.Web/sites/%s%s?api-version=2024-04-01' \
        "$SUBSCRIPTION" "$GROUP" "$APP" "${1:+/$1}"
}

# With --federated, the registration trusts this app's user-assigned identity, in place of a client secret.
# Without it, the registration has no credential. An unused one is removed after the template stopped using it.
federated_apply() {
    local state="" id="" subject="" issuer="" wanted federated
    [ "$CLIENT_ID" != "$NO_ID" ] || return 0
    state=$(rows "$(federated_credentials)" "value[?name=='$FEDERATED_NAME'].[id, subject, issuer]")
    [ -z "$state" ] || IFS=$'\t' read -r id subject issuer <<<"$state"
    federated=$(sign_in_federated) # a failure must end the script, so it stands in no condition
    if [ "$federated" = false ]; then
        [ -z "$id" ] || erase "$(federated_credentials "/$id")"
        return 0
    fi
    if ! found wanted "$(host_identity)" properties.principalId; then
        [ "${DRY_RUN:-}" != yes ] || return 0
        fail "Missing: the identity '$APP-host'. Deploy the template."
    fi
    [ "$subject $issuer" != "$wanted $(issuer)" ] || return 0
    if [ -n "$id" ]; then
        write patch "$(federated_credentials "/$id")" "{\"subject\": \"$wanted\", \"issuer\": \"$(issuer)\"}"
    else
        write post "$(federated_credentials)" "{\"name\": \"$FEDERATED_NAME\", \"issuer\": \"$(issuer)\",
            \"subject\": \"$wanted\", \"audiences\": [\"$(exchange_audience)\"],
            \"description\": \"App Service signs users in with this app's identity\"}"
    fi
}

federated_credentials() { graph "applications(appId='$CLIENT_ID')/federatedIdentityCredentials${1:-}"; }

host_identity() {
    printf '/subscriptions/%s/resourceGroups/%s/providers/Microsoft.ManagedIdentity/userAssignedIdentities/%s-host' \
        "$SUBSCRIPTION" "$GROUP" "$APP"
    printf '?api-version=2023-01-31'
}

# By Microsoft's documentation of the clouds. Only the first was run, in the sandbox.
issuer() {
    case $GRAPH in
        *graph.microsoft.us*) printf 'https://login.microsoftonline.us/%s/v2.0' "$TENANT" ;;
        *microsoftgraph.chinacloudapi.cn*) printf 'https://login.partner.microsoftonline.cn/%s/v2.0' "$TENANT" ;;
        *) printf 'https://login.microsoftonline.com/%s/v2.0' "$TENANT" ;;
    esac
}

exchange_audience() {
    case $GRAPH in
        *graph.microsoft.us*) printf 'api://AzureADTokenExchangeUSGov' ;;
        *microsoftgraph.chinacloudapi.cn*) printf 'api://AzureADTokenExchangeChina' ;;
        *) printf 'api://AzureADTokenExchange' ;;
    esac
}

has_assigned_roles() {
    local assigned
    assigned=$(assigned_roles)
    [ -n "$assigned" ] || {
        say "No app role is assigned, so nobody can use this app. Run this again."
        return 1
    }
}

# Fails if nobody has a role. App roles count even if CIPP's tables and Microsoft Graph are down. Reads lag behind writes,
# so an assignment of this run may be missing at first.
sign_in_verify() {
    local assigned superadmins open=""
    wait_until has_assigned_roles
    assigned=$(assigned_roles)
    superadmins=$(grep -c "^$SUPERADMIN_ROLE" <<<"$assigned" || true)
    case $superadmins in
        0) say "Warning: no one has the role superadmin." ;;
        1) say "Warning: one account has the role superadmin. Run this again with --break-glass <sign-in name>." ;;
        *) say "Superadmins: $superadmins" ;;
    esac
    found open "$(registration '?$select=api')" \
        "join(' ', api.oauth2PermissionScopes[?isEnabled && type!='Admin'].value)" || fail "The registration is gone."
    [ -z "$open" ] || fail "Users can consent to the scope '$open' of this app. Set it to admins only, in the" \
        "registration under Expose an API."
}
