# Whether a rotation is near, because a deployment restarts this app and cuts a run off. Only reads.
#
# A run takes at most 10 minutes, by functionTimeout in host.json. The hourly timer starts at minute 20. In the hours in
# which a week begins somewhere (Saturday 10:00 to Sunday 14:00 UTC) it renews keys, otherwise only what failed before.

WEEK=10080   # minutes
SUNDAY_SCHEDULE='0 0 0 * * 0'

# Prints why a run may be cut off, or nothing. Given are the time in UTC (day of the week, where 7 is Sunday, hour,
# minute), the lock (`free`, `held` or `unknown`) and the schedule of the weekly timer.
rotation_near() {
    local minute=$((10#$3)) lock=$4 schedule=${5:-$SUNDAY_SCHEDULE}
    local now=$(((10#$1 % 7) * 1440 + 10#$2 * 60 + minute)) at day
    if [ "$lock" = held ]; then
        say "A rotation is running."
        return
    fi
    if [[ ! "$schedule" =~ ^(0\ )?([0-9]{1,2})\ ([0-9]{1,2})\ \*\ \*\ ([0-7]|[Ss][Uu][Nn])$ ]]; then
        say "When the rotation starts is unknown, by its schedule: $schedule."
        return
    fi
    day=${BASH_REMATCH[4]} at=$((10#${BASH_REMATCH[3]} * 60 + 10#${BASH_REMATCH[2]}))
    [[ "$day" != [Ss]* ]] || day=0
    at=$(((day % 7) * 1440 + at))
    if [ $(((at - now + WEEK) % WEEK)) -le 30 ]; then
        say "The weekly rotation starts within 30 minutes."
    elif [ "$lock" = unknown ] && [ $(((now - at + WEEK) % WEEK)) -le 10 ]; then
        say "The weekly rotation may be running."
    elif [ "$lock" = unknown ] && [ "$minute" -ge 20 ] && [ "$minute" -le 30 ]; then
        say "The hourly run may be renewing a key."
    elif week_begins "$now" && { [ "$minute" -ge 50 ] || [ "$minute" -lt 20 ]; }; then
        say "The week of CIPP may begin now. Then the hourly run renews keys within 30 minutes."
    fi
}

week_begins() { [ "$1" -ge 9240 ] || [ "$1" -lt 840 ]; }

# Prints `held` or `free`, as this app itself says if it lets the Azure CLI call it. Otherwise it is unknown: to read the
# lock's row in CIPP's tables needs a role that an Owner doesn't have.
lock_state() {
    local free=""
    if [ -n "$CLIENT_ID" ]; then
        free=$(az rest --method get --resource "api://$CLIENT_ID" --url "https://$BACKEND_HOST/api/ListKeyRotations" \
            --query 'Results.Running == null' --output tsv 2>/dev/null) || free=""
    fi
    case "${free,,}" in
        true) say free ;;
        false) say held ;;
        *) say unknown ;;
    esac
}

# An app that doesn't run, or may not rotate, has no run to cut off.
refuse_near_rotation() {
    local why lock time
    [ -n "$PYTHON" ] && [ "$RUNS_ROTATION" = true ] && [ "$STATE" = Running ] && [ -z "$NOW" ] || return 0
    lock=$(lock_state)
    [ "$lock" != unknown ] || say "It is unknown whether a rotation is running, so the clock decides."
    read -r -a time <<<"${CLOCK:-$(date -u '+%u %H %M')}"
    why=$(rotation_near "${time[@]}" "$lock" "$SCHEDULE")
    [ -z "$why" ] || [ -z "$DRY_RUN" ] || { say "Not now: $why" && return 0; }
    [ -z "$why" ] || fail "$why Wait, or repeat with --now: if a run is cut off, no key is lost, and the next run" \
        "completes it."
}

# The same directly before a write, because a question or a repeated call can take minutes. Its notes go to stderr.
refuse_near_rotation_now() {
    local settings
    [ -n "$PYTHON" ] && [ -z "$NOW" ] || return 0
    STATE=$(az rest --method get --url "$ARM$SITE?api-version=2024-04-01" --query properties.state --output tsv) ||
        fail "Couldn't read the state of $APP."
    settings=$(present_settings) || fail "Couldn't read the settings of $APP."
    { read -r RUNS_ROTATION && read -r SCHEDULE; } < <(printf %s "$settings" |
        json '[d.get("ENABLE_ROTATION"), d.get("KEY_ROTATION_SCHEDULE")]')
    refuse_near_rotation >&2
}
