# Finds the account, the former deployment of this app, CIPP in both shapes, and this app itself. Only reads.

DEPLOYMENT=cipp-backend
SITES=Microsoft.Web/sites
VAULTS=Microsoft.KeyVault/vaults
RESOURCES=()       # a line for each resource: type, name, group, location, kind
FORMER='{}'        # the parameters of the former deployment, without secrets
FORMER_PRINCIPAL="" # the identity of this app then
NAMED_SUBSCRIPTION="" # by the option
SITE_SETTINGS=""   # this app's present settings, which may hold a secret: never printed, in no file

# Reads JSON on the standard input, and prints an expression over it, `d`. A list is printed line by line.
json() {
    python3 -I -c '
import json, sys
d = json.load(sys.stdin)
found = eval(sys.argv[1])
for one in found if isinstance(found, list) else [found]:
    print("" if one is None else one if isinstance(one, str) else json.dumps(one))
' "$1"
}

# Makes a JSON array of the lines on the standard input.
json_array() { python3 -I -c 'import json, sys; print(json.dumps(sys.stdin.read().split()))'; }

# Prints what a command prints, or nothing if what it reads doesn't exist. Any other error ends the script.
if_exists() {
    local errors code=0
    { errors=$("$@" 2>&1 >&3); } 3>&1 || code=$?
    [ "$code" != 0 ] || return 0
    [[ "$errors" =~ ResourceGroupNotFound|DeploymentNotFound|ResourceNotFound|'Not Found(' ]] || fail "$errors"
}

# The version that was run. Microsoft requires 2.60 for apps on Flex Consumption, but 2.60.0 never returns after it has
# published a package: it waits without a limit for a host status that this app's sign-in refuses.
OLDEST_CLI=2.91

check_programs() {
    local program version
    for program in az python3 sha256sum; do
        command -v "$program" >/dev/null || fail "This machine has no $program: docs/deploy.md, Prepare the shell."
    done
    version=$(az version --query '"azure-cli"' --output tsv 2>/dev/null) || version=""
    if [[ ! "$version" =~ ^([0-9]{1,4})\.([0-9]{1,4}) ]]; then
        say "The version of the Azure CLI is unknown. This script needs $OLDEST_CLI or later." >&2
    elif [ $((10#${BASH_REMATCH[1]} * 10000 + 10#${BASH_REMATCH[2]})) -lt $((${OLDEST_CLI%.*} * 10000 + ${OLDEST_CLI#*.})) ]; then
        fail "The Azure CLI has the version $version, and this script needs $OLDEST_CLI or later. Run: az upgrade"
    fi
}

find_account() {
    local found active
    check_programs
    NAMED_SUBSCRIPTION=$SUBSCRIPTION
    found=$(az account show ${SUBSCRIPTION:+--subscription "$SUBSCRIPTION"} --query '[id, tenantId]' --output tsv) ||
        fail "Sign in first: az login"
    [[ "$found" != *$'\r'* ]] || fail "The Azure CLI of Windows ends its lines with CR, so its values can't be used. Install the" \
        "Azure CLI inside WSL: docs/deploy.md, Prepare the shell."
    { read -r SUBSCRIPTION && read -r TENANT; } <<<"$found"
    # The Azure CLI takes the tokens for Graph, the vault and the tables from the active account, whatever the subscription.
    active=$TENANT
    [ -z "$NAMED_SUBSCRIPTION" ] || active=$(az account show --query tenantId --output tsv)
    [ "$active" = "$TENANT" ] || fail "The subscription $SUBSCRIPTION is in the tenant $TENANT, and the Azure CLI is signed" \
        "in to the tenant $active. Run: az account set --subscription $SUBSCRIPTION"
    found=$(az cloud show --query '[endpoints.microsoftGraphResourceId, endpoints.resourceManager]' --output tsv)
    { read -r GRAPH && read -r ARM; } <<<"$found"
    GRAPH=${GRAPH%/}/v1.0 ARM=${ARM%/}
}

# The former deployment has what a person chose then. A later run without an option must not change it.
find_former() {
    local found name value
    GROUP=${GROUP:-cipp-backend}
    read_former
    found=$(json '[v + " " + (d.get(n, {}).get("value") or "") for v, n in (
        ("APP", "appName"), ("LOCATION", "location"), ("CIPP_SUBSCRIPTION", "cippSubscriptionId"),
        ("CIPP_GROUP", "cippResourceGroup"), ("VAULT", "cippVault"), ("VAULT_GROUP", "cippVaultResourceGroup"),
        ("STORAGE", "cippStorage"), ("EMAIL", "alertEmail"), ("FORMER_CIPP_APP", "cippApp"),
        ("FORMER_CIPP_GROUP", "cippResourceGroup"), ("FORMER_SHAPE", "cippShape"), ("FORMER_ADDRESS", "cippAddress"),
        ("FORMER_STATIC_WEB_APP", "cippStaticWebApp"), ("FORMER_EMAIL", "alertEmail"), ("CLIENT_ID", "clientId"))]' <<<"$FORMER")
    while read -r name value; do
        refuse_mixture "$name" "$value"
        # The hashes in the names of the storage account and the roles depend on upper and lower case.
        [ -n "${!name:-}" ] && [ "${!name,,}" != "${value,,}" ] || declare -g "$name=$value"
    done <<<"$found"
    [ -z "$CIPP_APP" ] || [ -n "$RIGHTS_ONLY" ] || refuse_mixture CIPP_APP "$FORMER_CIPP_APP"
    CIPP_SUBSCRIPTION=${CIPP_SUBSCRIPTION:-$SUBSCRIPTION}
    # After a migration, CIPP's app may have another name.
    [ -n "$RIGHTS_ONLY" ] || CIPP_APP=${CIPP_APP:-$FORMER_CIPP_APP}
}

# Sets FORMER and FORMER_PRINCIPAL. After an interruption, Azure goes on with the deployment. Until it ends, its resources
# are there only in part. So nothing else is read before that.
read_former() {
    local found state started=$SECONDS said=""
    while true; do
        found=$(if_exists az deployment group show --subscription "$SUBSCRIPTION" --resource-group "$GROUP" \
            --name "$DEPLOYMENT" --output json --query 'properties.{state: provisioningState, parameters: parameters,
                principal: outputs.principalId.value}')
        found=${found:-'{}'}
        { read -r state && read -r FORMER_PRINCIPAL && read -r FORMER; } < <(json \
            '[d.get("state"), d.get("principal"), d.get("parameters") or {}]' <<<"$found")
        [[ "$state" =~ ^(Accepted|Running|Creating|Updating|Canceling|Deleting)$ ]] || return 0
        [ -n "$said" ] || say "Azure is still deploying $DEPLOYMENT in $GROUP, for an earlier run or for somebody else. Waiting."
        said=yes
        [ $((SECONDS - started)) -lt "${DEPLOYMENT_SECONDS:-1800}" ] ||
            fail "The deployment $DEPLOYMENT in $GROUP doesn't end. Look at it in the portal, in the resource group under" \
                "Deployments. Cancel it there, or wait. Then run the same command again."
        sleep "${RETRY_PAUSE:-15}"
    done
}

# The rest of a former deployment never goes with another app, or another CIPP: rights on two would be mixed.
refuse_mixture() {
    [[ " APP CIPP_SUBSCRIPTION CIPP_GROUP CIPP_APP VAULT STORAGE " == *" $1 "* && -n "$2" && -n "${!1:-}" ]] || return 0
    [ "${!1,,}" = "${2,,}" ] ||
        fail "The resource group $GROUP has a deployment for another app or CIPP: $1 is $2 there, not ${!1}. Choose" \
            "another --group."
}

# CIPP as the former deployment names it: to remove this app, CIPP itself need not exist any more.
take_former_cipp() {
    SHAPE=$FORMER_SHAPE OFFLOAD_APPS='[]' VAULT_GROUP=${VAULT_GROUP:-$CIPP_GROUP}
    { read -r PLAN && read -r PLAN_GROUP && read -r STATIC_WEB_APP; } < <(json '[d.get(n, {}).get("value") for n in (
        "cippPlan", "cippPlanResourceGroup", "cippStaticWebApp")]' <<<"$FORMER")
}

find_resources() {
    local query='[].[type, name, resourceGroup, location, kind || `-`]' found
    found=$(az resource list --subscription "$CIPP_SUBSCRIPTION" --query "$query" --output tsv)
    mapfile -t RESOURCES <<<"$found"
    if [ "${CIPP_SUBSCRIPTION,,}" != "${SUBSCRIPTION,,}" ]; then
        found=$(az resource list --subscription "$SUBSCRIPTION" --resource-type "$SITES" --query "$query" --output tsv)
        mapfile -t -O "${#RESOURCES[@]}" RESOURCES <<<"$found"
    fi
}

# Prints name, group, location and kind of the resources of a type, in a group if one is given.
resources() {
    local line type name group location kind
    for line in "${RESOURCES[@]}"; do
        IFS=$'\t' read -r type name group location kind <<<"$line"
        if [[ "${type,,}" == "${1,,}" && (-z "${2:-}" || "${group,,}" == "${2,,}") ]]; then
            printf '%s\t%s\t%s\t%s\n' "$name" "$group" "$location" "$kind"
        fi
    done
}

named() { resources "$@" | cut -f1; }

# Prints the number of the line that a person chooses. Without a terminal nobody can.
choose() {
    local question=$1 number=0 line
    shift
    for line in "$@"; do
        number=$((number + 1))
        say "  $number. ${line//$'\t'/  }" >&2
    done
    [ -t 0 ] || fail "$question No terminal to ask: name it with an option. --help shows all."
    read -r -p "$question [1-$#] " number
    [[ "$number" =~ ^[0-9]+$ && "$number" -ge 1 && "$number" -le $# ]] || fail "Not a number from 1 to $#."
    say "$number"
}

# Prints the only one of these names. Of several, or of none, a person must name one with the option.
only() {
    local what=$1 option=$2
    shift 2
    [ $# -ne 0 ] || fail "Found no $what in $CIPP_GROUP. Name it with $option."
    [ $# -eq 1 ] || fail "Found several in $CIPP_GROUP: $*. Name CIPP's $what with $option."
    say "$1"
}

# CIPP is the app whose key vault has the same name, if no option names it.
find_cipp() {
    local found=() line name group location kind number=1 vaults
    vaults=$(named "$VAULTS")
    while IFS=$'\t' read -r name group location kind; do
        if [[ "${name,,}" == "${APP,,}" || ! "$kind" =~ functionapp|container ]] ||
            [[ -n "$CIPP_GROUP" && "${group,,}" != "${CIPP_GROUP,,}" ]]; then
            continue
        elif [ -n "$CIPP_APP" ]; then
            [[ "${name,,}" == "${CIPP_APP,,}" ]] || continue
        else
            grep -qixF -- "$name" <<<"$vaults" || continue
        fi
        found+=("$name"$'\t'"$group"$'\t'"$location"$'\t'"$kind")
    done < <(resources "$SITES")
    [ ${#found[@]} -ne 0 ] || fail "Found no CIPP in the subscription $CIPP_SUBSCRIPTION. Name it with --cipp-group and" \
        "--cipp-app, or another subscription with --cipp-subscription. After a migration of CIPP, use --rights-only."
    [ ${#found[@]} -eq 1 ] || number=$(choose "Which of these is CIPP?" "${found[@]}")
    IFS=$'\t' read -r CIPP_APP CIPP_GROUP location kind <<<"${found[number - 1]}"
    [ "${CIPP_APP,,}" != "${FORMER_CIPP_APP,,}" ] || CIPP_APP=$FORMER_CIPP_APP
    [ "${CIPP_GROUP,,}" != "${FORMER_CIPP_GROUP,,}" ] || CIPP_GROUP=$FORMER_CIPP_GROUP
    LOCATION=${LOCATION:-$location} APP=${APP:-$CIPP_APP-watch} SHAPE=container
    [[ "$kind" != *functionapp* ]] || SHAPE=functions
    find_parts
}

# The parts of CIPP around its app.
find_parts() {
    local found
    if [ -z "$VAULT" ]; then
        VAULT=$(named "$VAULTS" | grep -ixF -- "$CIPP_APP") || VAULT=""
        mapfile -t found < <(named "$VAULTS" "$CIPP_GROUP")
        VAULT=${VAULT:-$(only "key vault" --vault ${found[@]+"${found[@]}"})}
    fi
    if [ -z "$VAULT_GROUP" ]; then
        VAULT_GROUP=$(resources "$VAULTS" | grep -i -- "^$VAULT"$'\t' | cut -f2) || VAULT_GROUP=$CIPP_GROUP
    fi
    if [ -z "$STORAGE" ]; then
        # This app's own account is not CIPP's.
        mapfile -t found < <(named Microsoft.Storage/storageAccounts "$CIPP_GROUP" | grep -Ev '^cippb[0-9a-z]{13}$')
        STORAGE=$(only "storage account" --storage ${found[@]+"${found[@]}"})
    fi
    OFFLOAD_APPS='[]' PLAN="" PLAN_GROUP=""
    if [ "$SHAPE" = container ]; then
        STATIC_WEB_APP=""
    else
        OFFLOAD_APPS=$({ named "$SITES" "$CIPP_GROUP" |
            grep -iE -- "^$CIPP_APP-(proc|auditlog|standards|usertasks)$" || true; } | json_array)
        ! is_former_cipp || STATIC_WEB_APP=${STATIC_WEB_APP:-$FORMER_STATIC_WEB_APP}
        if [ -z "$STATIC_WEB_APP" ]; then
            mapfile -t found < <(named Microsoft.Web/staticSites "$CIPP_GROUP")
            STATIC_WEB_APP=$(only "static web app" --static-web-app ${found[@]+"${found[@]}"})
        fi
    fi
    find_address
}

# True if CIPP is the same app in the same shape as in the former deployment.
is_former_cipp() { [ "$FORMER_SHAPE" = "$SHAPE" ] && [ "$FORMER_CIPP_APP" = "$CIPP_APP" ]; }

# An address of CIPP that responds without a sign-in, and the plan of a container. An empty address turns the test of it
# off. An empty one of the former deployment stays.
find_address() {
    local found host web=$ARM/subscriptions/$CIPP_SUBSCRIPTION/resourceGroups/$CIPP_GROUP/providers/Microsoft.Web
    local keeps_none=""
    if is_former_cipp; then
        CIPP_ADDRESS=${CIPP_ADDRESS:-$FORMER_ADDRESS}
        [ -n "$CIPP_ADDRESS" ] || keeps_none=yes
    fi
    if [ "$SHAPE" = container ]; then
        found=$(az rest --method get --url "$web/sites/$CIPP_APP?api-version=2024-04-01" --output tsv \
            --query '[properties.defaultHostName, properties.serverFarmId]')
        { read -r host && read -r PLAN; } <<<"$found"
        PLAN_GROUP=${PLAN#*/resourceGroups/}
        PLAN_GROUP=${PLAN_GROUP%%/*} PLAN=${PLAN##*/}
        [ -n "$keeps_none" ] || CIPP_ADDRESS=${CIPP_ADDRESS:-https://$host/api/setup/health}
    elif [ -z "$CIPP_ADDRESS$keeps_none" ]; then
        host=$(az rest --method get --url "$web/staticSites/$STATIC_WEB_APP?api-version=2024-04-01" \
            --query properties.defaultHostname --output tsv)
        CIPP_ADDRESS=https://$host/api/PublicPing
    fi
}
