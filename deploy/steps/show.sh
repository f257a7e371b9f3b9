# Shows what would happen before it happens. Only reads. No value of a setting is printed, only its name.

show_plan() {
    say
    say "This app:   $APP in the resource group $GROUP, subscription $SUBSCRIPTION"
    say "CIPP:       $CIPP_APP in the resource group $CIPP_GROUP, subscription $CIPP_SUBSCRIPTION"
    say "            shape: $SHAPE, vault: $VAULT, storage account: $STORAGE"
    say "Tenant:     $TENANT. It must be the partner's own tenant."
    say "Alerts to:  $EMAIL. Azure tests $CIPP_ADDRESS"
    [ -z "$LOST_RECEIVERS" ] || say "            These receivers of the alerts are REMOVED: $LOST_RECEIVERS. Add them again" \
        "afterwards, or keep them in an action group of your own with alert processing rules."
    show_mode
    show_changes
    show_grants
    show_sign_in
    show_managers
}

show_mode() {
    local mode="It only observes."
    case "$ENABLE_CONTROLS$ENABLE_ROTATION" in
        yesyes) mode="It may control CIPP and renew its keys." ;;
        yes) [ -n "$ENABLE_CONTROLS" ] && mode="It may control CIPP." || mode="It may renew CIPP's keys." ;;
    esac
    say "Mode:       $mode"
    [ "$FORMER" = '{}' ] || say "            What the template no longer grants may stay. It is shown after the deployment."
}

show_changes() {
    local kind id paths found
    say
    say "What the template changes:"
    if [ -z "$GROUP_EXISTS" ]; then
        say "  The resource group $GROUP does not exist, so all of it is new:"
        json '["    " + one for one in sorted({r["type"] for r in d["resources"]
            if not r["type"].endswith("/deployments") and "packageUri" not in str(r.get("condition"))})]' \
            <"$TEMPLATE"
        return 0
    fi
    found=$(template_what_if)
    while IFS=$'\t' read -r kind id paths; do
        [ -z "$kind" ] || [ "$kind" = NoChange ] || say "  $kind  ${id#*/providers/}  ${paths:+($paths)}"
    done <<<"$found"
    say "  Unchanged: $(grep -c ^NoChange <<<"$found" || true). \"Unsupported\" are roles whose names Azure can't know before."
}

# The roles as the template grants them, with the actions of the custom ones.
show_grants() {
    say
    say "What this app's identity is granted on CIPP:"
    SHAPE=$SHAPE CONTROLS=$ENABLE_CONTROLS ROTATION=$ENABLE_ROTATION BUILT_IN=$BUILT_IN_ROLES GROUP=$CIPP_GROUP \
        APPS=$CIPP_APP\ $(json '[" ".join(d)]' <<<"$OFFLOAD_APPS") SWA=$STATIC_WEB_APP STORAGE=$STORAGE VAULT=$VAULT \
        PLAN=$PLAN PLAN_GROUP=${PLAN_GROUP:-} VAULT_GROUP=$VAULT_GROUP APP=$APP FORMER=$FORMER python3 -I -c '
import json, os, sys

template, env = json.load(open(sys.argv[1], encoding="utf-8")), os.environ
roles, controls = template["variables"]["roles"], "controls" if env["CONTROLS"] else "observe"
rotation = "rotation" if env["ROTATION"] else "observe"
changes = "changes" if env["CONTROLS"] or env["ROTATION"] else "observe"
built_in = json.loads(env["FORMER"]).get("useBuiltInRoles", {}).get("value") is True
if env["BUILT_IN"]:
    built_in = env["BUILT_IN"] == "yes"
of_shape = roles[env["SHAPE"]]
on = env["APPS"].split()
grants = [
    (of_shape["read"], "Reader", "the resource group " + env["GROUP"]),
    (of_shape["app"][controls], "Website Contributor" if env["CONTROLS"] else "", " and ".join(on)),
    (roles["tables"][changes], "Storage Table Data Contributor", "the storage account " + env["STORAGE"]),
    (roles["vault"][rotation], "Key Vault Secrets " + ("Officer" if env["ROTATION"] else "User"),
     "the vault " + env["VAULT"] + ", or an access policy (" + ", ".join(roles["vaultPolicy"][rotation])
     + ") if the vault uses policies"),
    (roles["self"], "Reader", "this app itself"),
]
if env["SWA"]:
    grants.append((roles["staticWebApp"][controls], "Contributor" if env["CONTROLS"] else "", "the static web app " + env["SWA"]))
if env["PLAN"]:
    grants.append((roles["plan"], "Reader", "the plan " + env["PLAN"]))
    of_plan = env["PLAN_GROUP"] or env["GROUP"]
    reader = "" if of_plan.lower() == env["GROUP"].lower() else "Reader"
    grants.append((roles["certificates"][controls], reader, "the resource group " + of_plan + ", for certificates"))
if env["VAULT_GROUP"].lower() != env["GROUP"].lower():
    grants.append((roles["vaultRead"], "Reader", "the vault " + env["VAULT"]))
for role, name, scope in grants:
    if built_in:
        if name:
            print(f"  {name}, built in, on {scope}")
        continue
    print("  custom role " + role["key"] + " on " + scope)
    for action in role["actions"] + role["dataActions"]:
        print("      " + action)
    if role["notActions"]:
        print("      except " + str(len(role["notActions"])) + " actions that read secrets or replace the app")
print("  Its second identity, " + env["APP"] + "-host: Storage Blob Data Owner on its own storage account, and Monitoring")
print("  Metrics Publisher on its own log.")
' "$TEMPLATE"
}

# What people, programs and CIPP's registrations get. The roles above are those of this app's identity on resources.
show_sign_in() {
    local program name
    say
    if [ -n "$RIGHTS_ONLY" ]; then
        say "The sign-in stays as it is."
        return 0
    fi
    say "Who gets what in Microsoft Entra ID:"
    say "  superadmin of this app: you, and ${BREAK_GLASS:-the second account that you name if it has none}"
    for program in ${ALLOWED_APPLICATIONS//[\[\]\",]/ }; do
        case $program in
            "$CLI_CLIENT") name="the Azure CLI" ;;
            "$POWERSHELL_CLIENT") name="Azure PowerShell" ;;
            *) name="a program, for example an API client of CIPP" ;;
        esac
        say "  may call this app: $program, $name"
    done
    [ -z "$ALLOW_CLI" ] || say "  preauthorized: the Azure CLI and Azure PowerShell get tokens as whoever is signed in there"
    [ -z "$NO_ALLOW_CLI" ] || say "  no longer preauthorized: the Azure CLI and Azure PowerShell"
    [ "$ALLOW_REPAIR" != yes ] || say "  this app's identity: owner of CIPP's app registrations, and Application.ReadWrite.OwnedBy" \
        "in Microsoft Graph"
    [ "$ALLOW_REPAIR" != no ] || say "  this app's identity: loses CIPP's app registrations and Application.ReadWrite.OwnedBy"
    [ "$FEDERATED_SIGN_IN" != true ] || say "  the registration $APP: trusts the identity $APP-host"
    [ -z "$ASSIGNMENT_REQUIRED" ] || say "  sign-in: only users with an app role of this app. Roles by CIPP's groups stop" \
        "counting, and API clients get no token"
}

# Whoever can manage this app can run code as it, and so read CIPP's keys.
show_managers() {
    local scope=/subscriptions/$SUBSCRIPTION found line
    [ -z "$GROUP_EXISTS" ] || scope=$scope/resourceGroups/$GROUP
    found=$(az role assignment list --subscription "$SUBSCRIPTION" --scope "$scope" --include-inherited --output tsv \
        --query "[?roleDefinitionName!='Reader'].[roleDefinitionName, principalType, principalName || principalId, scope]")
    say
    say "Who already has a role on ${scope##*/}. Whoever can manage this app there can read CIPP's keys:"
    while IFS= read -r line; do
        [ -z "$line" ] || say "  ${line//$'\t'/  }"
    done <<<"$found"
    say "  If one of them must not have CIPP's keys, stop here, and use another subscription for this app."
}
