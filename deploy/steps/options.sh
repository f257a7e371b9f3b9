# The options of deploy.sh, as variables. A variable of the environment is never an option: it could be left over from
# another command, such as a GROUP to remove, or an EMAIL that gets the alerts.

# Each option with a value, and its variable.
declare -A VALUE_OPTIONS=(
    [--subscription]=SUBSCRIPTION [--group]=GROUP [--app]=APP [--location]=LOCATION
    [--cipp-subscription]=CIPP_SUBSCRIPTION [--cipp-group]=CIPP_GROUP [--cipp-app]=CIPP_APP
    [--vault]=VAULT [--vault-group]=VAULT_GROUP [--storage]=STORAGE [--static-web-app]=STATIC_WEB_APP
    [--cipp-address]=CIPP_ADDRESS [--email]=EMAIL [--package]=PACKAGE [--break-glass]=BREAK_GLASS
)
# Each option without one. Its variable becomes "yes", or what stands after the sign.
declare -A FLAG_OPTIONS=(
    [--yes]=YES [--dry-run]=DRY_RUN [--package-only]=PACKAGE_ONLY [--rights-only]=RIGHTS_ONLY [--remove]=REMOVE
    [--prove]=PROVE [--same-group]=SAME_GROUP [--now]=NOW [--observe]=OBSERVE
    [--enable-controls]=ENABLE_CONTROLS [--enable-rotation]=ENABLE_ROTATION [--built-in-roles]=BUILT_IN_ROLES
    [--federated]=FEDERATED [--allow-cli]=ALLOW_CLI [--no-allow-cli]=NO_ALLOW_CLI [--allow-repair]=ALLOW_REPAIR
    [--assignment-required]=ASSIGNMENT_REQUIRED [--api-clients]=API_CLIENTS [--no-api-clients]=API_CLIENTS=no
    [--no-federated]=FEDERATED=no [--no-allow-repair]=ALLOW_REPAIR=no [--custom-roles]=BUILT_IN_ROLES=no [--no-lock]=LOCK=no
    [--lock]=LOCK
)

# What the steps find or create. A step that looks for one of them only if it isn't known must not find it in the
# environment: the rights of that identity would be removed, or that registration would be used.
FOUND_LATER=(PRINCIPAL FORMER_PRINCIPAL CLIENT_ID SP_ID TENANT FORMER_CIPP_APP FORMER_CIPP_GROUP FORMER_SHAPE FORMER_ADDRESS
    FORMER_EMAIL FORMER_STATIC_WEB_APP FORMER_PACKAGE FORMER_COMMIT LOST_RECEIVERS ALLOWED_APPLICATIONS
    FEDERATED_SIGN_IN PACKAGE_COMMIT PACKAGE_PYTHON REDIRECT BACKEND_HOST PLAN PLAN_GROUP ASSIGNMENT_STATE)

usage() {
    cat <<'HELP'
Usage: bash deploy/deploy.sh [options]

Installs CIPP Backend beside CIPP, or updates it. It shows what it does and asks once. A new installation only observes.

What it does:
  (nothing)              install, or update, all parts
  --package-only         only publish a package. If it doesn't respond, the former one goes back
  --rights-only          only deploy the template again, for example after a migration of CIPP
  --remove               remove what this script created
  --prove                report the facts that only a real subscription can show
  --dry-run              only show what it would do
  --help                 this text

What this app may do:
  --enable-controls      start, stop, settings, domains and users of CIPP
  --enable-rotation      renew CIPP's keys
  --observe              take both options back
  --built-in-roles       without custom roles. Built-in roles grant more. --custom-roles takes it back
  --no-lock              without the resource group lock, if you may not create locks. --lock takes it back
  --allow-cli            Azure CLI and Azure PowerShell may call this app. --no-allow-cli takes it back
  --api-clients          CIPP's enabled API clients may call this app. --no-api-clients takes it back
  --allow-repair         this app owns CIPP's app registrations. --no-allow-repair takes it back
  --assignment-required  only users with an app role can sign in
  --federated            sign in with a user-assigned identity. --no-federated takes it back
  --break-glass NAME     a second superadmin, by its sign-in name

Where things are (found or asked, if not given):
  --subscription ID  --group NAME  --app NAME  --location NAME       of this app
  --cipp-subscription ID  --cipp-group NAME  --cipp-app NAME         of CIPP
  --vault NAME  --vault-group NAME  --storage NAME  --static-web-app NAME  --cipp-address URL
  --email ADDRESS        gets the alerts
  --package FILE         the package. Otherwise the newest one in dist that fits

How it runs:
  --yes                  don't ask
  --now                  also shortly before or during a rotation
  --same-group           also into CIPP's own resource group, where CIPP's migration deletes apps
HELP
}

read_options() {
    local name flag
    for name in "${VALUE_OPTIONS[@]}" "${FLAG_OPTIONS[@]%=*}"; do
        declare -g "$name="
    done
    unset "${FOUND_LATER[@]}"
    while [ $# -gt 0 ]; do
        if [ "$1" = --help ] || [ "$1" = -h ]; then
            usage
            exit 0
        elif [ -n "${FLAG_OPTIONS[${1:-none}]:-}" ]; then
            flag=${FLAG_OPTIONS[$1]}=yes
            [[ "$flag" != *=no=yes ]] || flag=${flag%=yes}
            declare -g "$flag"
            shift
        elif [ -n "${VALUE_OPTIONS[${1:-none}]:-}" ]; then
            [[ $# -ge 2 && -n "$2" && "$2" != --* ]] || fail "$1 needs a value."
            declare -g "${VALUE_OPTIONS[$1]}=$2"
            shift 2
        else
            fail "Unknown option: $1. --help shows all."
        fi
    done
    check_options
}

check_options() {
    local name chosen=()
    for name in "${FLAG_OPTIONS[@]%=*}"; do
        [[ "${!name}" != no || " ${FLAG_OPTIONS[*]} " == *" $name=no "* ]] || declare -g "$name="
    done
    for name in PACKAGE_ONLY RIGHTS_ONLY REMOVE PROVE; do
        [ -z "${!name}" ] || chosen+=("$name")
    done
    [ ${#chosen[@]} -le 1 ] || fail "Only one of --package-only, --rights-only, --remove and --prove."
    [ -z "$OBSERVE" ] || [ -z "$ENABLE_CONTROLS$ENABLE_ROTATION" ] || fail "--observe contradicts --enable-..."
    [ -z "$ALLOW_CLI" ] || [ -z "$NO_ALLOW_CLI" ] || fail "--allow-cli contradicts --no-allow-cli."
    if [ -n "$RIGHTS_ONLY$PACKAGE_ONLY" ]; then
        for name in ALLOW_CLI NO_ALLOW_CLI API_CLIENTS ALLOW_REPAIR ASSIGNMENT_REQUIRED FEDERATED BREAK_GLASS; do
            [ -z "${!name}" ] || fail "--rights-only and --package-only don't change the sign-in: leave out $name."
        done
    fi
    if [ -n "$PACKAGE_ONLY" ]; then
        for name in ENABLE_CONTROLS ENABLE_ROTATION OBSERVE BUILT_IN_ROLES LOCK; do
            [ -z "${!name}" ] || fail "--package-only changes no permission: leave out $name."
        done
    fi
    check_values
}

# Only characters that Azure allows, so that no value can be more than a name in an address or a query.
check_values() {
    local name
    for name in SUBSCRIPTION CIPP_SUBSCRIPTION; do
        [[ -z "${!name}" || "${!name}" =~ ^[0-9A-Fa-f-]{36}$ ]] || fail "$name must be the ID of a subscription."
    done
    for name in GROUP CIPP_GROUP VAULT_GROUP; do
        [[ "${!name}" =~ ^[A-Za-z0-9._()-]*$ ]] || fail "$name isn't the name of a resource group: ${!name}"
    done
    for name in APP CIPP_APP VAULT STORAGE STATIC_WEB_APP LOCATION; do
        [[ "${!name}" =~ ^[A-Za-z0-9-]*$ ]] || fail "$name isn't a valid name: ${!name}"
    done
    [[ -z "$EMAIL" || "$EMAIL" =~ ^[^@[:space:]]+@[^@[:space:]]+$ ]] || fail "EMAIL isn't an address: $EMAIL"
    [[ -z "$CIPP_ADDRESS" || "$CIPP_ADDRESS" =~ ^https://[^[:space:]]+$ ]] || fail "CIPP_ADDRESS must begin with https://"
    [ -z "$PACKAGE" ] || [ -f "$PACKAGE" ] || fail "No such package: $PACKAGE"
}
