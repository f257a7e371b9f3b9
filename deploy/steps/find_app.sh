# This app as it is now. Only reads, and refuses what isn't this CIPP's own.

# PYTHON is the version of the app that exists, empty if there is none. The list of resources lags behind, so only the
# app itself shows that it exists.
find_app() {
    local site group
    SITE=/subscriptions/$SUBSCRIPTION/resourceGroups/$GROUP/providers/$SITES/$APP
    PYTHON="" BACKEND_HOST="" STATE="" RUNS_ROTATION="" RUNS_CONTROLS="" SCHEDULE=""
    refuse_cipps_group
    if ! found site "$ARM$SITE?api-version=2024-04-01" \
        '[properties.defaultHostName, properties.functionAppConfig.runtime.version || `none`, properties.state, name]'; then
        group=$(resources "$SITES" | grep -i -- "^$APP"$'\t' | cut -f2 | grep -ivxF -- "$GROUP") || return 0
        fail "An app named $APP is in the resource group ${group//$'\n'/, }. Name its group with --group, or choose" \
            "another --app."
    fi
    { read -r BACKEND_HOST && read -r PYTHON && read -r STATE && read -r APP; } <<<"$site"
    SITE_SETTINGS=$(present_settings)
    refuse_another_app
    # By a pipe: bash before 5.1 writes the text after <<< to a file.
    { read -r RUNS_CONTROLS && read -r RUNS_ROTATION && read -r SCHEDULE; } < <(printf %s "$SITE_SETTINGS" |
        json '[d.get("ENABLE_CONTROLS"), d.get("ENABLE_ROTATION"), d.get("KEY_ROTATION_SCHEDULE")]')
    keep_mode
}

# Without the former deployment, the template would reset what it chose: the subnet, the tenants, the roles, the sign-in.
refuse_unknown_choices() {
    [ -z "$PYTHON" ] || [ "$FORMER" != '{}' ] ||
        fail "$APP exists, but its resource group $GROUP has no deployment named $DEPLOYMENT, so what was chosen is unknown." \
            "Deploy the template by hand under that name, with your parameters.json (docs/deploy.md), then repeat."
}

# Sets GROUP_EXISTS. A failure ends the script: an existing group would be taken for a new one, and not be shown.
find_group() {
    local exists
    GROUP_EXISTS=$PYTHON
    [ -z "$GROUP_EXISTS" ] || return 0
    exists=$(az group exists --subscription "$SUBSCRIPTION" --name "$GROUP" --output tsv)
    [ "${exists,,}" != true ] || GROUP_EXISTS=yes
}

# The resource group lock protects all that is in the group, so resources of others couldn't be deleted any more.
refuse_lock_on_others() {
    local others
    [ -n "$GROUP_EXISTS" ] && [ "$FORMER" = '{}' ] && [ "$LOCK" != no ] && ! is_cipps_group || return 0
    others=$(rows "$(group_id "$SUBSCRIPTION" "$GROUP")/resources?api-version=$GROUPS_API" 'value[].[name]')
    [ -z "$others" ] || fail "The resource group $GROUP has resources that this script did not create, and its lock would" \
        "protect them from deletion too: ${others//$'\n'/, }. Choose another --group, or add --no-lock."
}

present_settings() {
    az rest --method post --url "$ARM$SITE/config/appsettings/list?api-version=2024-04-01" --query properties --output json
}

# Ends the script if something that a deployment replaces has changed since it was read, for example because somebody
# stopped the rotation meanwhile. It was read before the question, and the template may be repeated for minutes. What a
# former attempt of this run has written is no change.
refuse_changed_settings() {
    local present changed
    [ -n "$PYTHON" ] || return 0
    present=$(present_settings) || fail "Couldn't read the settings of $APP again. Nothing was written."
    changed=$(printf '{"read": %s, "present": %s}' "$SITE_SETTINGS" "$present" |
        MODES="ENABLE_CONTROLS=$ENABLE_CONTROLS ENABLE_ROTATION=$ENABLE_ROTATION" python3 -I -c '
import json, os, sys

given, variables = json.load(sys.stdin), json.load(open(sys.argv[1], encoding="utf-8"))["variables"]
read, present = given["read"], given["present"]
modes = dict(one.split("=") for one in os.environ["MODES"].split())
written = {name: "true" if chosen == "yes" else "false" for name, chosen in modes.items()}
written |= {name: value for name, value in variables["defaultSettings"].items() if name not in read}
unread = variables["ownSettings"].keys() - modes.keys() | {"OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID"}
print(" ".join(
    name for name in sorted({*read, *present} - unread)
    if present.get(name) not in (read.get(name), written.get(name, read.get(name)))
))
' "$TEMPLATE") || fail "Couldn't compare the settings of $APP. Nothing was written."
    [ -z "$changed" ] || fail "These settings of $APP changed while this script ran: $changed. Look at them, then run the" \
        "same command again."
}

refuse_cipps_group() {
    [ "${GROUP,,}" != "${CIPP_GROUP,,}" ] || [ "${SUBSCRIPTION,,}" != "${CIPP_SUBSCRIPTION,,}" ] || [ -n "$SAME_GROUP" ] ||
        fail "$GROUP is CIPP's own resource group. CIPP's migration deletes apps there. Choose another --group, or" \
            "repeat with --same-group."
}

refuse_another_app() {
    local app vault
    { read -r app && read -r vault; } < <(printf %s "$SITE_SETTINGS" |
        json '[d.get("CIPP_FUNCTION_APP"), d.get("CIPP_KV_NAME")]')
    [ "$PYTHON" != none ] && [ -n "$app" ] && [ -n "$vault" ] ||
        fail "$APP in $GROUP is not a CIPP Backend that this script installed. Choose another name with --app."
    [ "${vault,,}" = "${VAULT,,}" ] && [[ "${app,,}" == "${CIPP_APP,,}" || -n "$RIGHTS_ONLY" ]] ||
        fail "$APP in $GROUP belongs to another CIPP: $app with the vault $vault, not $CIPP_APP with $VAULT." \
            "Choose another --group and --app. If this CIPP was migrated, use --rights-only."
}

# What the app may do now stays, unless an option changes it. Its settings count, because somebody may have stopped the
# rotation there.
keep_mode() {
    [ -z "$OBSERVE" ] || return 0
    if [ "$RUNS_ROTATION" != true ] && [ -z "$ENABLE_ROTATION" ] &&
        was_deployed_with enableRotation; then
        say "The setting ENABLE_ROTATION of $APP stopped the rotation. It stays off, and its custom roles" \
            "lose their actions. After the template this script shows what stays. --enable-rotation starts it again."
    fi
    keep_option ENABLE_CONTROLS "$RUNS_CONTROLS" enableControls --enable-controls
    keep_option ENABLE_ROTATION "$RUNS_ROTATION" enableRotation --enable-rotation
}

# A setting can be changed by whoever has Website Contributor on this app. So a setting alone never becomes a permission
# on CIPP: a person must have chosen it in a deployment, or choose it now.
keep_option() {
    [ "$2" = true ] && [ -z "${!1}" ] || return 0
    [ -n "$PACKAGE_ONLY$REMOVE$PROVE" ] || was_deployed_with "$3" ||
        fail "The setting $1 of $APP is true, but the former deployment didn't allow it. To allow it and grant its" \
            "permissions, add $4. Otherwise set it to false, or add --observe."
    declare -g "$1=yes"
}

was_deployed_with() { [ "$(json "d.get('$1', {}).get('value') is True" <<<"$FORMER")" = true ]; }
