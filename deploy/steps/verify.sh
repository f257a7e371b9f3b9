# Verifies what runs, by what Azure and the app itself say. Only reads.

TIMERS=(WeeklyKeyRotation KeyRotationCatchUp)

# Waits until a check succeeds, for VERIFY_SECONDS. The check prints what is wrong.
wait_until() {
    local started=$SECONDS wrong
    while true; do
        wrong=$("$@") && return 0
        [ $((SECONDS - started)) -lt "${VERIFY_SECONDS:-300}" ] || fail "$wrong"
        sleep "${RETRY_PAUSE:-15}"
    done
}

is_published() {
    local running
    running=$(running_commit)
    [ "$running" = "$PACKAGE_COMMIT" ] || {
        say "$APP doesn't run the commit $PACKAGE_COMMIT. PublicPing: ${running:-no response}"
        return 1
    }
}

# The host reports its functions to Azure when it starts. Without the timers, nothing is checked or renewed.
has_functions() {
    local found timer
    found=$(az rest --method get --url "$ARM$SITE/functions?api-version=2024-04-01" --query 'value[].properties.name' \
        --output tsv 2>/dev/null) || found=""
    for timer in "${TIMERS[@]}"; do
        grep -qx -- "$timer" <<<"$found" || {
            say "The function list of $APP lacks the timer $timer. Look at its log in Application Insights."
            return 1
        }
    done
}

host_runs() {
    local found state="" errors=""
    found=$(az rest --method get --url "$ARM$SITE/host/default/properties/status?api-version=2024-04-01" --output tsv \
        --query "[properties.state, join('; ', properties.errors || \`[]\`)]" 2>/dev/null) || found=""
    [ -z "$found" ] || { read -r state && read -r errors; } <<<"$found" || true
    [[ "$state" == Running && -z "$errors" ]] || {
        say "The host of $APP is not running: ${state:-no status} $errors"
        return 1
    }
}

verify() {
    [ -z "$DRY_RUN" ] || return 0
    wait_until is_published
    say "Runs:       commit $PACKAGE_COMMIT, on https://$BACKEND_HOST"
    wait_until has_functions
    wait_until host_runs
    say "Functions:  the host runs, with both timers"
    verify_rights
}

# If the Azure CLI may call this app, the app itself says which permissions it lacks.
verify_rights() {
    local missing
    [[ "${ALLOWED_APPLICATIONS:-}$FORMER" == *04b07795-8ddb-461a-bbee-02f9e1bf7b46* && -n "${CLIENT_ID:-}" ]] || return 0
    if missing=$(az rest --method get --resource "api://$CLIENT_ID" --url "https://$BACKEND_HOST/api/ListBackendRights" \
        --query Results.Missing --output tsv 2>/dev/null) && [[ "$missing" =~ ^[0-9]+$ ]]; then
        say "Rights:     $missing missing. What the SAM app lacks in Microsoft Graph is never granted by this script."
    else
        say "Rights:     unknown. A new role of yours counts only in a new token: in some minutes, or after az login," \
            "call ListBackendRights."
    fi
}

# Prints the names of docs/deploy.md as lines for a shell. None of them is a secret.
shell_names() {
    local name
    for name in SUBSCRIPTION TENANT GROUP APP LOCATION CIPP_GROUP CIPP_APP VAULT STORAGE STATIC_WEB_APP EMAIL GRAPH SITE \
        CLIENT_ID BACKEND_HOST PRINCIPAL; do
        [ -z "${!name:-}" ] || printf '    %s=%q\n' "$name" "${!name}"
    done
    printf '    SCOPE=%q\n' "/subscriptions/$CIPP_SUBSCRIPTION/resourceGroups/$CIPP_GROUP"
}

next_steps() {
    say
    say "Done. The address of this app: https://$BACKEND_HOST"
    say "The commands of docs/deploy.md and of the runbooks use these names. Paste them into a shell before you run one:"
    shell_names
    say "Next steps. docs/deploy.md explains each:"
    say "  1. Call ListBackendRights, and grant what is missing in Microsoft Graph."
    say "  2. Fill in your emergency sheet, and test that the alerts reach $EMAIL."
    [ -n "$ENABLE_ROTATION" ] || say "  3. It renews no key yet. Decide about the rotation, then use --enable-rotation."
    say "The same command again updates it. --package-only updates only the code, and goes back if that fails."
}
