# What this app's identity still has after the template, though the template no longer grants it. Only reads.
# Uses find.sh, rest.sh, clients.sh and remove.sh.
#
# A deployment adds assignments and permissions of an access policy, and takes none away. Only the custom roles lose
# their actions. An assignment could also be one that an admin granted, so it is shown and not removed.

# True if the identity has built-in roles: as chosen, else as deployed before.
uses_built_in_roles() {
    [ "$BUILT_IN_ROLES" != yes ] || return 0
    [ -z "$BUILT_IN_ROLES" ] && [ "$(json 'd.get("useBuiltInRoles", {}).get("value") is True' <<<"$FORMER")" = true ]
}

show_leftovers() {
    local ids policy built_in=""
    [ -z "$DRY_RUN" ] && [ "$FORMER" != '{}' ] || return 0 # a first deployment leaves nothing
    if uses_built_in_roles; then built_in=yes; fi
    ids=$(each_group assigned_roles_of | sort -u | unexpected_assignments "$built_in" "$ENABLE_CONTROLS" "$ENABLE_ROTATION")
    policy=$(unexpected_secret_permissions)
    [ -n "$ids$policy" ] || return 0
    say "Still granted: this app's identity has more than the template grants. Remove it while no rotation runs:"
    [ -z "$ids" ] || say "    az role assignment delete --ids ${ids//$'\n'/ }"
    [ -z "$policy" ] || say "    az keyvault set-policy --name $VAULT --object-id $PRINCIPAL --secret-permissions get list"
}

# Prints the ID and the role of each assignment of the identity in a group.
assigned_roles_of() {
    rows "$1/providers/Microsoft.Authorization/roleAssignments?api-version=$ROLES_API" \
        "value[?properties.principalId=='$PRINCIPAL'].[id, properties.roleDefinitionId]"
}

# Of these assignments, prints the IDs of those whose role the template doesn't assign in this mode.
unexpected_assignments() {
    BUILT_IN=$1 CONTROLS=$2 ROTATION=$3 python3 -I -c '
import json, os, sys

built_in, env = json.load(open(sys.argv[1], encoding="utf-8"))["variables"]["builtIn"], os.environ
every = {one for part in built_in.values() for one in (part.values() if isinstance(part, dict) else [part])}
expected = {built_in["reader"], built_in["tables"], built_in["secrets"]["rotation" if env["ROTATION"] else "observe"]}
if env["CONTROLS"]:
    expected |= {built_in["websiteContributor"], built_in["contributor"]}
for line in sys.stdin.read().splitlines():
    name, _, role = line.partition("\t")
    role = role.rpartition("/")[2].lower()
    if role not in expected if env["BUILT_IN"] else role in every:
        print(name)
' "$TEMPLATE"
}

# Prints the permissions of the identity in the access policy of the vault that the template doesn't grant in this mode.
unexpected_secret_permissions() {
    local permissions=""
    [ -z "$ENABLE_ROTATION" ] || return 0
    found permissions "$(cipp_resource "Microsoft.KeyVault/vaults/$VAULT" 2023-07-01 "$VAULT_GROUP")" \
        "join(' ', properties.accessPolicies[?objectId=='$PRINCIPAL'].permissions.secrets[] || \`[]\`)" || true
    permissions=" ${permissions,,} "
    permissions=${permissions// get / } permissions=${permissions// list / }
    printf '%s' "${permissions// /}"
}
