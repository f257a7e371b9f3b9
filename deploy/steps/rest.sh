# Calls by `az rest`: reads of what may be missing, lists with all their pages, and writes that may run twice.
# Only functions. Bash 4.4 or later. Uses shell.sh.

# The codes of errors that mean: the object does not exist.
ABSENT='Request_ResourceNotFound|ResourceNotFound|ResourceGroupNotFound|DeploymentNotFound|NotFound|SecretNotFound'
ABSENT+='|RoleDefinitionDoesNotExist|RoleAssignmentNotFound|LockNotFound'

# Prints the address of a path in Microsoft Graph. GRAPH may end with a slash or with the version.
graph() {
    local base=${GRAPH%/}
    printf '%s/v1.0/%s' "${base%/v1.0}" "$1"
}

# Prints a text as it stands in an address.
url_text() {
    local LC_ALL=C text=$1 place letter
    for ((place = 0; place < ${#text}; place++)); do
        letter=${text:place:1}
        case $letter in
            [A-Za-z0-9._~-]) printf '%s' "$letter" ;;
            *) printf '%%%02X' "'$letter" ;;
        esac
    done
}

# Prints a JSON list with one more entry.
with_entry() {
    case $1 in
        "" | null | "[]") printf '[%s]' "$2" ;;
        *) printf '%s, %s]' "${1%]*}" "$2" ;;
    esac
}

has_code() { [[ "$1" =~ (^|[^A-Za-z_])($2)([^A-Za-z_]|$) ]]; }

# Prints the queried part of a response, or the error. More arguments are those of `az rest`.
read_rest() {
    local errors code=0
    { errors=$(az rest --only-show-errors --method get --url "$1" --query "$2" --output tsv "${@:3}" 2>&1 >&3); } 3>&1 ||
        code=$?
    [ "$code" = 0 ] || printf '%s' "$errors"
    return "$code"
}

# Puts the queried part of a response into a variable. False if the object does not exist. Any other error ends the
# script, so an object that can't be read is never taken for a missing one.
found() {
    local -n found_into=$1
    local found_text
    if found_text=$(read_rest "${@:2}"); then
        found_into=$found_text
        return 0
    fi
    found_into=""
    ! has_code "$found_text" "$ABSENT" || return 1
    fail "Couldn't read $2: $found_text"
}

# Prints the rows of a list, from all its pages: one line each, with tabs. The query begins with `value`.
rows() {
    local address=$1 page
    while [ -n "$address" ]; do
        found page "$address" "[[[\"@odata.nextLink\" || nextLink || '']], $2][]" "${@:3}" || return 0
        address=${page%%$'\n'*}
        [[ "$page" != *$'\n'* ]] || printf '%s\n' "${page#*$'\n'}"
    done
}

# Runs a command that creates something. What exists already is no error: reads lag behind writes.
once() {
    local errors code=0
    { errors=$("$@" 2>&1 >&3); } 3>&1 || code=$?
    [[ "$code" != 0 && "$errors" == *"already exist"* ]] && return 0
    [ -z "$errors" ] || printf '%s\n' "$errors" >&2
    return "$code"
}

# Runs a command that removes something. What is gone already is no error.
gone() {
    local errors code=0
    { errors=$("$@" 2>&1 >&3); } 3>&1 || code=$?
    if [ "$code" != 0 ] && has_code "$errors" "$ABSENT"; then return 0; fi
    [ -z "$errors" ] || printf '%s\n' "$errors" >&2
    return "$code"
}

# write METHOD ADDRESS BODY [arguments of az rest]: creates or changes, again while the directory replicates.
write() {
    local output=(--output none)
    [[ " $* " != *" --output "* ]] || output=()
    retried once change az rest --only-show-errors --method "$1" --url "$2" --body "$3" "${output[@]}" "${@:4}"
}

# erase ADDRESS: removes, again while a lock that was just removed still counts.
erase() {
    local REPLICATING='ScopeLocked|RoleDefinitionHasAssignments' RETRY_SECONDS=${ERASE_SECONDS:-120}
    retried gone change az rest --only-show-errors --method delete --url "$1" --output none
}
