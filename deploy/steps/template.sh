# Deploys the template: with what is chosen now, what was chosen before, and the app's present settings.

TEMPLATE=$ROOT/deploy/azuredeploy.json

# Prints the template's parameters as JSON. They may hold a secret, so they go only through a pipe.
#
# The former parameters stay, except those that are found or chosen now. Azure doesn't show secret ones, so the settings
# are those that the app has, without those that the template sets itself, and the webhook is that of the action group.
template_parameters() {
    printf '{"former": %s, "present": %s}' "$FORMER" "${SITE_SETTINGS:-"{}"}" |
        APP=$APP LOCATION=$LOCATION CIPP_SUBSCRIPTION=$CIPP_SUBSCRIPTION CIPP_GROUP=$CIPP_GROUP SHAPE=$SHAPE \
            CIPP_APP=$CIPP_APP OFFLOAD_APPS=$OFFLOAD_APPS STATIC_WEB_APP=$STATIC_WEB_APP PLAN=$PLAN \
            PLAN_GROUP=${PLAN_GROUP:-$CIPP_GROUP} VAULT=$VAULT VAULT_GROUP=$VAULT_GROUP STORAGE=$STORAGE \
            CIPP_ADDRESS=$CIPP_ADDRESS EMAIL=$EMAIL CLIENT_ID=${CLIENT_ID:-} TENANT=$TENANT \
            ALLOWED_APPLICATIONS=${ALLOWED_APPLICATIONS:-} FEDERATED_SIGN_IN=${FEDERATED_SIGN_IN:-} \
            ALERT_WEBHOOK=${ALERT_WEBHOOK:-} ENABLE_CONTROLS=$ENABLE_CONTROLS ENABLE_ROTATION=$ENABLE_ROTATION \
            BUILT_IN_ROLES=$BUILT_IN_ROLES LOCK=$LOCK PYTHON=${PYTHON:-${PACKAGE_PYTHON:-}} \
            python3 -I -c '
import json, os, sys

given, template = json.load(sys.stdin), json.load(open(sys.argv[1], encoding="utf-8"))
env = os.environ
known = template["parameters"]
values = {name: one["value"] for name, one in given["former"].items() if name in known and one.get("value") is not None}
values.pop("packageUri", None)  # an address for one deployment: it would publish that package again
text = {
    "appName": "APP", "location": "LOCATION", "cippSubscriptionId": "CIPP_SUBSCRIPTION",
    "cippResourceGroup": "CIPP_GROUP", "cippShape": "SHAPE", "cippApp": "CIPP_APP", "cippPlan": "PLAN",
    "cippStaticWebApp": "STATIC_WEB_APP", "cippPlanResourceGroup": "PLAN_GROUP", "cippVault": "VAULT",
    "cippVaultResourceGroup": "VAULT_GROUP", "cippStorage": "STORAGE", "cippAddress": "CIPP_ADDRESS",
    "alertEmail": "EMAIL",
}
values |= {name: env[variable] for name, variable in text.items()}
values["cippOffloadApps"] = json.loads(env["OFFLOAD_APPS"])
values["enableControls"] = env["ENABLE_CONTROLS"] == "yes"
values["enableRotation"] = env["ENABLE_ROTATION"] == "yes"
values.setdefault("tenantId", env["TENANT"])
for name, variable in (("clientId", "CLIENT_ID"), ("pythonVersion", "PYTHON"), ("alertWebhook", "ALERT_WEBHOOK")):
    if env[variable]:
        values[name] = env[variable]
for name, variable in (("useBuiltInRoles", "BUILT_IN_ROLES"), ("lockGroup", "LOCK")):
    if env[variable]:
        values[name] = env[variable] == "yes"
for name, variable in (("allowedApplications", "ALLOWED_APPLICATIONS"), ("federatedSignIn", "FEDERATED_SIGN_IN")):
    if env[variable] and name in known:
        values[name] = json.loads(env[variable])
own, sign_in = template["variables"]["ownSettings"], str(template["variables"].get("signInSettings"))
values["settings"] = {
    name: value for name, value in given["present"].items() if name not in own and chr(39) + name + chr(39) not in sign_in
}
print(json.dumps({name: {"value": value} for name, value in values.items()}))
' "$TEMPLATE"
}

# The webhook of the alerts is a secret, so a former deployment doesn't show it.
template_prepare() {
    if [ -n "$PYTHON" ] && [ -z "${ALERT_WEBHOOK:-}" ]; then
        ALERT_WEBHOOK=$(if_exists az resource show --subscription "$SUBSCRIPTION" --resource-group "$GROUP" \
            --name "$APP-alerts" --resource-type Microsoft.Insights/actionGroups --api-version 2023-01-01 \
            --query 'properties.webhookReceivers[0].serviceUri' --output tsv)
    fi
    lost_receivers
}

# Sets LOST_RECEIVERS: what somebody added to the action group by hand. The template replaces the action group, and knows
# one e-mail address and one webhook. Only names are read: the address of a webhook is a secret.
lost_receivers() {
    LOST_RECEIVERS=""
    [ -n "$PYTHON" ] || return 0
    LOST_RECEIVERS=$(if_exists az resource show --subscription "$SUBSCRIPTION" --resource-group "$GROUP" \
        --name "$APP-alerts" --resource-type Microsoft.Insights/actionGroups --api-version 2023-01-01 --output json \
        --query 'properties.{email: emailReceivers[].[name, emailAddress], webhook: webhookReceivers[1:].[name],
            sms: smsReceivers[].[name], voice: voiceReceivers[].[name], push: azureAppPushReceivers[].[name],
            arm: armRoleReceivers[].[name], function: azureFunctionReceivers[].[name], hub: eventHubReceivers[].[name],
            logic: logicAppReceivers[].[name], itsm: itsmReceivers[].[name], runbook: automationRunbookReceivers[].[name]}' |
        FORMER_EMAIL=$FORMER_EMAIL python3 -I -c '
import json, os, sys

every = json.loads(sys.stdin.read() or "null") or {}
own = {os.environ["FORMER_EMAIL"].lower()}
names = [kind + " " + one[0] for kind, found in every.items() for one in found or [] if one[-1].lower() not in own]
print(", ".join(names))
')
}

template_what_if() {
    template_parameters | az deployment group what-if --subscription "$SUBSCRIPTION" --resource-group "$GROUP" \
        --name "$DEPLOYMENT" --template-file "$TEMPLATE" --parameters @- --no-pretty-print --exclude-change-types Ignore \
        --query "changes[].[changeType, resourceId, join(', ', delta[].path || \`[]\`)]" --output tsv
}

template_create() {
    refuse_changed_settings
    refuse_near_rotation_now
    template_parameters | az deployment group create --subscription "$SUBSCRIPTION" --resource-group "$GROUP" \
        --name "$DEPLOYMENT" --template-file "$TEMPLATE" --parameters @- --only-show-errors --output tsv \
        --query '[properties.outputs.principalId.value, properties.outputs.redirectUri.value,
            properties.outputs.address.value]'
}

# Sets PRINCIPAL, REDIRECT and BACKEND_HOST. A new identity or role may be unknown for some minutes, so it is repeated.
template_deploy() {
    local found
    if [ -z "$GROUP_EXISTS" ]; then
        change az group create --subscription "$SUBSCRIPTION" --name "$GROUP" --location "$LOCATION" --output none
    fi
    say "Deploying the template. This takes some minutes."
    found=$(retried change template_create) || fail "The template wasn't deployed, see above. If the code is" \
        "DeploymentActive, another run is deploying this app. Run the same command again: it waits for the end of the other."
    if [ -n "$found" ]; then
        { read -r PRINCIPAL && read -r REDIRECT && read -r BACKEND_HOST; } <<<"$found"
        BACKEND_HOST=${BACKEND_HOST#https://}
    else # a dry run
        PRINCIPAL=${PRINCIPAL:-} BACKEND_HOST=${BACKEND_HOST:-$APP.azurewebsites.net}
        REDIRECT=https://$BACKEND_HOST/.auth/login/aad/callback
    fi
}
