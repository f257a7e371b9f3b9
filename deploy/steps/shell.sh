# What every step needs: say and ask something, run what writes, and repeat what is too early. Only functions.
# Bash 4.4 or later.

say() { printf '%s\n' "$*"; }

fail() {
    printf 'deploy.sh: %s\n' "$*" >&2
    exit 1
}

# True if the person agrees, or --yes did. Without a terminal nobody can agree, so it ends here.
confirm() {
    [ "${YES:-}" != yes ] || return 0
    [ -t 0 ] || fail "No terminal to ask: $1 Repeat with --yes to agree."
    local answer=""
    read -r -p "$1 [y/N] " answer || return 1
    [[ "$answer" == [yY] || "$answer" == [yY][eE][sS] ]]
}

# Runs a command that writes. A dry run prints it instead.
change() {
    if [ "${DRY_RUN:-}" = yes ]; then
        printf 'would run:' >&2
        printf ' %q' "$@" >&2
        printf '\n' >&2
    else
        "$@"
    fi
}

# The codes of errors that pass while an identity, a role or a registration is still replicating. They stand in
# Microsoft's documentation and in reports of real deployments. None was seen by this script. DeploymentActive is none of
# them: another run deploys at the same time, and what it chose must not be replaced by what this one has read before.
REPLICATING='PrincipalNotFound|RoleDefinitionDoesNotExist|BlobUploadFailedException'
REPLICATING+='|Request_ResourceNotFound|NoBackingApplicationObject'

# Runs a command again while its error has one of these codes: every RETRY_PAUSE seconds, for RETRY_SECONDS
# after its first failure. Any other error ends it. The command runs in a subshell, so it can set no variable. No file holds what it prints.
retried() {
    local errors code started=""
    while true; do
        code=0
        { errors=$("$@" 2>&1 >&3); } 3>&1 || code=$?
        if [ "$code" = 0 ] || [[ ! "$errors" =~ (^|[^A-Za-z_])($REPLICATING)([^A-Za-z_]|$) ]] ||
            [ $((SECONDS - ${started:=$SECONDS})) -ge "${RETRY_SECONDS:-600}" ]; then
            [ -z "$errors" ] || printf '%s\n' "$errors" >&2
            return "$code"
        fi
        say "Not ready: ${BASH_REMATCH[2]}. Trying again." >&2
        sleep "${RETRY_PAUSE:-15}"
    done
}
