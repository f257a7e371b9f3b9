#!/usr/bin/env bash
# Installs, updates, verifies and removes CIPP Backend: `bash deploy/deploy.sh --help`. docs/deploy.md explains it.
#
# It was never run against real Azure. The tests run it with the Azure CLI against the sandbox.
set -euo pipefail
if [ $((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1])) -lt 404 ]; then
    echo "deploy.sh: This is bash $BASH_VERSION, and 4.4 or later is needed: docs/deploy.md, Prepare the shell." >&2
    exit 1
fi
shopt -s inherit_errexit

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
for step in "$ROOT"/deploy/steps/*.sh; do
    # shellcheck source=/dev/null
    . "$step"
done

find_all() {
    find_account
    find_former
    if [ -n "$REMOVE" ] && [ "$FORMER" != '{}' ]; then
        take_former_cipp
    else
        find_resources
        find_cipp
    fi
    find_app
}

# Everything: sign-in, template, package.
install_all() {
    package_choose
    ask_email
    prepare
    sign_in_create
    template_deploy
    show_leftovers
    sign_in_complete
    clients_allow
    repair_apply
    publish
    verify
    [ -n "$DRY_RUN" ] || sign_in_verify
}

# The template alone, with the former parameters and CIPP as it is now. CIPP's migration to a container changes the
# resources on which this app needs rights, and also this app's own settings. So the nested rights alone aren't enough.
rights_only() {
    [ -n "$PYTHON" ] || fail "$APP doesn't exist in $GROUP. Run this script without --rights-only."
    prepare
    template_deploy
    show_leftovers
    PACKAGE_COMMIT=$(running_commit)
    [ -z "$PACKAGE_COMMIT" ] || verify
}

prepare() {
    refuse_unknown_choices
    refuse_near_rotation
    find_group
    refuse_lock_on_others
    template_prepare
    ALLOWED_APPLICATIONS=$(clients_allowed)
    FEDERATED_SIGN_IN=$(sign_in_federated)
    show_plan
    [ -n "$DRY_RUN" ] || confirm "Do all of this?" || fail "Nothing was changed."
}

ask_email() {
    [ -z "$EMAIL" ] || return 0
    [ -t 0 ] || fail "Name the address that gets the alerts: --email alerts@example.com"
    read -r -p "Which e-mail address gets the alerts? " EMAIL
    check_values
    [ -n "$EMAIL" ] || fail "The alerts need an address."
}

main() {
    read_options "$@"
    find_all
    if [ -n "$REMOVE" ]; then
        refuse_near_rotation
        remove_all
    elif [ -n "$PROVE" ]; then
        prove
    elif [ -n "$PACKAGE_ONLY" ]; then
        [ -n "$PYTHON" ] || fail "$APP doesn't exist in $GROUP. Run this script without --package-only."
        refuse_near_rotation
        package_only
    elif [ -n "$RIGHTS_ONLY" ]; then
        rights_only
    else
        install_all
    fi
    [ -n "$DRY_RUN$REMOVE$PROVE" ] || next_steps
    [ -z "$DRY_RUN" ] || say "A dry run: nothing was changed."
}

main "$@"
