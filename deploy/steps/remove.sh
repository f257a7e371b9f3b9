# Removes what the deployment created, and nothing else. Only functions.
# Uses shell.sh, rest.sh, sign_in.sh, clients.sh and repair.sh.
#
# What grants something comes first, the resources last. So after an interruption, the next run finds the rest.

ROLES_API=2022-04-01
GROUPS_API=2021-04-01

remove_all() {
    local lock="" roles="" assignments="" policy="" owned="" graph_roles="" app="" group="" own="" others="" host=""
    remove_look
    refuse_remains_of_elsewhere
    remove_show
    if [ -z "$lock$roles$assignments$policy$owned$graph_roles$app$own" ] && [ "$group" != empty ]; then
        say "Nothing of '$APP' is left."
        return 0
    fi
    [ "${DRY_RUN:-}" = yes ] || confirm "Remove all of this?" || fail "Nothing was removed."
    remove_what_was_found
}

# Reads everything first, so that the question names all of it.
remove_look() {
    local known
    # If somebody deleted the app by hand, the former deployment knows whose permissions are left.
    if [ -z "${PRINCIPAL:-}" ]; then
        found PRINCIPAL "$(app_resource)" identity.principalId || PRINCIPAL=${FORMER_PRINCIPAL:-}
    fi
    found host "$(host_identity)" properties.principalId || true
    if ! is_cipps_group; then found lock "$(group_lock)" name || true; fi
    roles=$(each_group own_roles | sort -u -t $'\t' -k 2,2)
    assignments=$(each_group own_assignments | sort -u)
    [ -z "${PRINCIPAL:-}" ] || found policy "$(cipp_resource "Microsoft.KeyVault/vaults/$VAULT" 2023-07-01 "$VAULT_GROUP")" \
        "to_string(properties.accessPolicies[?objectId=='$PRINCIPAL'])" || true
    [ "$policy" != "[]" ] && [ "$policy" != null ] || policy=""
    if [ -n "${PRINCIPAL:-}" ]; then
        owned=$(owned_registrations)
        graph_roles=$(repair_roles)
    fi
    if found known "$(registration '?$select=appId,appRoles,api')" \
        "join(' ', [appId, join(' ', appRoles[].id), join(' ', api.oauth2PermissionScopes[].id)])" && is_own "$known"; then
        app=${known%% *}
    fi
    look_at_group
}

# What grants something is found by this app's name, whatever the subscription. The rest would stay, with the key vault's
# policy, if the app is in another subscription or group than this one.
refuse_remains_of_elsewhere() {
    local addresses=""
    [ -z "$own${NAMED_SUBSCRIPTION:-}" ] && [ "${FORMER:-"{}"}" = '{}' ] || return 0
    [ -z "$app" ] || found addresses "$(registration '?$select=web')" "join(' ', web.redirectUris)" || true
    [ -z "$roles$assignments$addresses" ] || fail "'$APP' has roles or a registration, but the resource group '$GROUP' in" \
        "the subscription $SUBSCRIPTION has neither the app nor its deployment. Name those of the installation with" \
        "--subscription and --group. If you have deleted the app by hand, name its former ones. Nothing was removed."
}

is_cipps_group() { [ "${GROUP,,}" = "${CIPP_GROUP,,}" ] && [ "${SUBSCRIPTION,,}" = "${CIPP_SUBSCRIPTION,,}" ]; }

group_id() { printf '/subscriptions/%s/resourceGroups/%s' "$1" "$2"; }

group_lock() {
    printf '%s/providers/Microsoft.Authorization/locks/cipp-backend?api-version=2020-05-01' "$(group_id "$SUBSCRIPTION" "$GROUP")"
}

# Runs a command with each resource group in which the template grants something.
each_group() {
    local id seen=" "
    for id in "$(group_id "$SUBSCRIPTION" "$GROUP")" "$(group_id "$CIPP_SUBSCRIPTION" "$CIPP_GROUP")" \
        "$(group_id "$CIPP_SUBSCRIPTION" "${VAULT_GROUP:-$CIPP_GROUP}")" \
        "$(group_id "$CIPP_SUBSCRIPTION" "${PLAN_GROUP:-$CIPP_GROUP}")"; do
        [[ "$seen" != *" ${id,,} "* ]] || continue
        seen+="${id,,} "
        "$1" "$id"
    done
}

# The custom roles that are named after this app, and described by its template.
own_roles() {
    rows "$1/providers/Microsoft.Authorization/roleDefinitions?api-version=$ROLES_API&\$filter=type%20eq%20'CustomRole'" \
        "value[?starts_with(properties.roleName, 'CIPP Backend $APP: ') && starts_with(properties.description, \
'Created by the deployment of CIPP Backend')].['$1', name, properties.roleName]"
}

# What this app's two identities have, and what uses one of its roles. Nothing else can use such an assignment.
own_assignments() {
    local id principal role listed known
    listed=$(rows "$1/providers/Microsoft.Authorization/roleAssignments?api-version=$ROLES_API" \
        "value[].[id, properties.principalId, properties.roleDefinitionId]")
    while IFS=$'\t' read -r id principal role; do
        [ -n "$id" ] || continue
        known="${PRINCIPAL:-} ${host:-}"
        if [[ -n "$principal" && " ${known,,} " == *" ${principal,,} "* ]] || [[ "$roles" == *"${role##*/}"* ]]; then
            printf '%s\n' "$id"
        fi
    done <<<"$listed"
}

# Sorts the resources of the group: `own` are this app's, `others` are not. `group` is `own` if it can go as a whole.
look_at_group() {
    local kind name id storage="" sites listed
    if is_cipps_group; then group=shared; else group=own; fi
    if ! found id "$(group_id "$SUBSCRIPTION" "$GROUP")?api-version=$GROUPS_API" id; then
        group=""
        return 0
    fi
    found storage "$(app_resource)" "properties.functionAppConfig.deployment.storage.value || ''" || true
    storage=${storage#https://} storage=${storage%%.*}
    listed=$(rows "$(group_id "$SUBSCRIPTION" "$GROUP")/resources?api-version=$GROUPS_API" 'value[].[type, name, id]')
    sites=$(grep -ci '^Microsoft.Web/sites' <<<"$listed" || true)
    while IFS=$'\t' read -r kind name id; do
        [ -n "$kind" ] || continue
        if is_own_resource "${kind,,}" "$name"; then
            own+="$(removal_order "${kind,,}") $(resource_api "${kind,,}") $id"$'\n'
        elif ! is_azures "${kind,,}" "$name"; then
            others+="$id"$'\n'
        fi
    done <<<"$listed"
    own=$(sort <<<"$own" | sed '/^$/d')
    [ -z "$others" ] || group=${group/own/shared}
    [ "$group" != own ] || [ -n "$own" ] || look_at_empty_group
}

# An empty group was created by this script only if it deployed there, or locked it.
look_at_empty_group() {
    local deployed=""
    group=empty
    [ -z "$lock" ] || return 0
    if ! found deployed "$(group_id "$SUBSCRIPTION" "$GROUP")/providers/Microsoft.Resources/deployments\
/${DEPLOYMENT:-cipp-backend}?api-version=$GROUPS_API" name; then
        group=shared
        others="the empty resource group '$GROUP'"
    fi
}

# The names are those of the template. Its storage account is named after a hash, so the app must name the account, or
# be gone with all other apps of its own group.
is_own_resource() {
    case "$1 $2" in
        "microsoft.web/sites $APP" | "microsoft.web/serverfarms $APP-plan" | "microsoft.insights/webtests $APP-cipp") ;;
        "microsoft.managedidentity/userassignedidentities $APP-host" | "microsoft.insights/actiongroups $APP-alerts") ;;
        "microsoft.insights/components $APP-insights" | "microsoft.operationalinsights/workspaces $APP-insights") ;;
        "microsoft.insights/scheduledqueryrules $APP-"*) ;;
        "microsoft.storage/storageaccounts cippb"*)
            [[ "$2" =~ ^cippb[a-z0-9]{13}$ ]] || return 1
            [ "$2" = "$storage" ] || { [ -z "$storage" ] && [ "$sites" = 0 ] && ! is_cipps_group; }
            ;;
        *) return 1 ;;
    esac
}

# What Azure adds by itself to a group with Application Insights, by Microsoft's documentation.
is_azures() {
    case "$1 $2" in
        "microsoft.alertsmanagement/smartdetectoralertrules Failure Anomalies - $APP-insights") ;;
        "microsoft.insights/actiongroups Application Insights Smart Detection") ;;
        *) return 1 ;;
    esac
}

removal_order() {
    case $1 in
        microsoft.insights/scheduledqueryrules | microsoft.insights/webtests) printf 1 ;;
        microsoft.insights/actiongroups) printf 2 ;;
        microsoft.storage/*) printf 3 ;; # while the app still names it
        microsoft.web/sites) printf 4 ;;
        microsoft.web/serverfarms | microsoft.insights/components) printf 5 ;;
        *) printf 6 ;;
    esac
}

resource_api() {
    case $1 in
        microsoft.web/*) printf 2024-04-01 ;;
        microsoft.insights/actiongroups) printf 2023-01-01 ;;
        microsoft.managedidentity/*) printf 2023-01-31 ;;
        microsoft.insights/components) printf 2020-02-02 ;;
        microsoft.insights/*) printf 2022-06-15 ;;
        microsoft.operationalinsights/*) printf 2023-09-01 ;;
        *) printf 2023-05-01 ;;
    esac
}

remove_show() {
    local line
    say "This removes:"
    [ -z "$lock" ] || say "  the resource group lock '$lock'"
    while IFS=$'\t' read -r line; do [ -z "$line" ] || say "  the role assignment $line"; done <<<"$assignments"
    while IFS=$'\t' read -r _ _ line; do [ -z "$line" ] || say "  the custom role '$line'"; done <<<"$roles"
    [ -z "$policy" ] || say "  the access policy of this app in the vault '$VAULT'"
    for line in $owned; do say "  this app as an owner of the registration $line"; done
    [ -z "$graph_roles" ] || say "  Application.ReadWrite.OwnedBy of this app"
    [ -z "$app" ] || say "  the registration '$APP' ($app), with the roles that people have in this app"
    while read -r _ _ line; do [ -z "$line" ] || say "  $line"; done <<<"$own"
    case $group in own | empty) say "  the resource group '$GROUP'" ;; esac
    say "This stays:"
    while read -r line; do [ -z "$line" ] || say "  $line, which this script did not create"; done <<<"$others"
    say "  CIPP, the keys in its vault, its registrations with their credentials, and what they may do in Microsoft Graph"
    say "  this app's tables in CIPP's storage account, whose names begin with CippBackend"
    say "  the entries '$APP-rights-...' in the deployment history of CIPP's resource group"
}

remove_what_was_found() {
    local line api id scope name
    [ -z "$lock" ] || erase "$(group_lock)"
    while read -r line; do [ -z "$line" ] || erase "$line?api-version=$ROLES_API"; done <<<"$assignments"
    while IFS=$'\t' read -r scope name _; do
        [ -z "$name" ] || erase "$scope/providers/Microsoft.Authorization/roleDefinitions/$name?api-version=$ROLES_API"
    done <<<"$roles"
    [ -z "$policy" ] || write put "$(cipp_resource "Microsoft.KeyVault/vaults/$VAULT/accessPolicies/remove" 2023-07-01 \
        "$VAULT_GROUP")" "{\"properties\": {\"accessPolicies\": $policy}}"
    [ -z "$owned$graph_roles" ] || repair_take_back
    [ -z "$app" ] || erase "$(graph "applications(appId='$app')")"
    if [ "$group" = own ] || [ "$group" = empty ]; then
        erase "$(group_id "$SUBSCRIPTION" "$GROUP")?api-version=$GROUPS_API"
        wait_until_gone "$(group_id "$SUBSCRIPTION" "$GROUP")?api-version=$GROUPS_API"
    else
        while read -r _ api id; do
            [ -n "$id" ] || continue
            erase "$id?api-version=$api"
            wait_until_gone "$id?api-version=$api"
        done <<<"$own"
    fi
    [ "${DRY_RUN:-}" = yes ] || say "Removed. CIPP renews its own keys, beginning 30 days before they expire."
}

# A deletion is complete some minutes after Azure accepted it.
wait_until_gone() {
    local text="" started=$SECONDS
    [ "${DRY_RUN:-}" != yes ] || return 0
    while found text "$1" id; do
        [ $((SECONDS - started)) -lt "${REMOVE_SECONDS:-1800}" ] ||
            fail "Azure is still deleting ${1%%\?*}. Run this again later."
        sleep "${RETRY_PAUSE:-15}"
    done
}
