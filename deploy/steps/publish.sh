# The package: chosen, checked, uploaded, and put back if the new one doesn't respond.

DIST=${DIST:-$ROOT/dist}
PUBLISHED=$DIST/published   # a copy of each package that this script has published, by its commit

# Prints the commit and the Python version of a package, as its files say.
package_facts() {
    python3 -I -c '
import re, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as package:
    names = package.namelist()
    minors = {found[1] for name in names if (found := re.fullmatch(r"__pycache__/function_app\.cpython-3(\d+)\.pyc", name))}
    if len(minors) != 1 or "host.json" not in names or "commit.txt" not in names:
        sys.exit(f"{sys.argv[1]} is not a package of this app.")
    commit = package.read("commit.txt").decode("ascii").strip()
    if not re.fullmatch(r"[0-9A-Za-z-]{1,64}", commit):
        sys.exit(f"{sys.argv[1]} names no commit.")
    print(commit, f"3.{minors.pop()}")
' "$1"
}

# Ends the script unless the file is what its .sha256 says.
package_check() {
    [ -f "$1.sha256" ] || fail "$1.sha256 is missing, so the package can't be checked."
    package_matches "$1" || fail "$1 doesn't match its .sha256. Build it or download it again."
}

# True if the file itself has the digest, whatever name stands beside the digest.
package_matches() {
    local expected="" actual
    read -r expected _ <"$1.sha256" || true
    actual=$(sha256sum <"$1")
    [[ "$expected" =~ ^[0-9A-Fa-f]{64}$ && "${expected,,}" == "${actual%% *}" ]]
}

# Sets PACKAGE, PACKAGE_COMMIT and PACKAGE_PYTHON: the given one, else the newest in dist, else a new one.
package_choose() {
    local facts named=$PACKAGE
    if [ -z "$PACKAGE" ]; then
        PACKAGE=$(package_newest)
        [ -n "$PACKAGE" ] || package_build
    fi
    package_check "$PACKAGE"
    facts=$(package_facts "$PACKAGE") || fail "Choose another package with --package."
    read -r PACKAGE_COMMIT PACKAGE_PYTHON <<<"$facts"
    [ -z "$PYTHON" ] || [ "$PYTHON" = "$PACKAGE_PYTHON" ] ||
        fail "$PACKAGE is for Python $PACKAGE_PYTHON, and $APP runs Python $PYTHON. Build it with that version:" \
            "make clean && make package PYTHON=python$PYTHON"
    [[ "$PACKAGE_PYTHON" =~ ^3\.1[123]$ ]] || fail "$PACKAGE is for Python $PACKAGE_PYTHON. This app supports 3.11 to 3.13."
    say "Package:    $PACKAGE (commit $PACKAGE_COMMIT, Python $PACKAGE_PYTHON)"
    package_compare "$named"
}

# Shows what runs now. A package that is older is published only if a person has named it.
package_compare() {
    local running version="" commit=""
    [ -n "$PYTHON" ] || return 0
    running=$(az rest --method get --skip-authorization-header --url "https://$BACKEND_HOST/api/PublicPing" \
        --query '[Results.Version, Results.Commit]' --output tsv 2>/dev/null) || running=""
    { read -r version && read -r commit; } <<<"$running" || true
    say "Runs now:   ${commit:-unknown, without a response}${version:+, version $version}"
    package_is_older "$version" "$commit" || return 0
    [ -n "$1" ] || fail "$PACKAGE is older than what runs. Build the present one with make package, or name that one with" \
        "--package to go back."
    say "            The package is OLDER than what runs."
}

# package_is_older VERSION COMMIT, of what runs: by the version in the name of the package, else by the history in Git.
package_is_older() {
    local version=${PACKAGE##*/}
    version=${version#cipp-backend-} version=${version%%-py*}
    if [[ "$version $1" =~ ^[0-9]+(\.[0-9]+)+\ [0-9]+(\.[0-9]+)+$ && "$version" != "$1" ]]; then
        [ "$(printf '%s\n' "$version" "$1" | sort -V | sed -n 1p)" = "$version" ]
        return
    fi
    [[ -n "$2" && "${2%-modified}" != "${PACKAGE_COMMIT%-modified}" ]] &&
        git -C "$ROOT" merge-base --is-ancestor "${PACKAGE_COMMIT%-modified}" "${2%-modified}" 2>/dev/null
}

package_newest() {
    local file newest=""
    for file in "$DIST"/cipp-backend-*-py${PYTHON:-3.1[123]}.zip; do
        [[ ! -f "$file" || (-n "$newest" && ! "$file" -nt "$newest") ]] || newest=$file
    done
    say "$newest"
}

package_build() {
    local python=python${PYTHON:-3.12}
    [ -z "$DRY_RUN" ] || fail "dist has no package. Build it first: make package PYTHON=$python"
    command -v make >/dev/null && command -v "$python" >/dev/null ||
        fail "dist has no package, and this machine has no make or no $python to build it. Download a release with its" \
            ".sha256 into $DIST, or name a package with --package."
    make -C "$ROOT" package PYTHON="$python" || fail "Couldn't build the package."
    PACKAGE=$(package_newest)
    [ -n "$PACKAGE" ] || fail "make package built no package for Python ${python#python}. Run make clean first."
}

# Prints the commit that runs, or nothing if the app doesn't respond.
running_commit() {
    az rest --method get --skip-authorization-header --url "https://$BACKEND_HOST/api/PublicPing" \
        --query Results.Commit --output tsv 2>/dev/null || true
}

# Keeps a copy of a package in a folder. The package appears there complete or not at all, with its digest before it.
package_keep() {
    local name=${1##*/} new=$2/.new-$$
    mkdir -p "$2" && cp "$1.sha256" "$new" && mv "$new" "$2/$name.sha256" && cp "$1" "$new" && mv "$new" "$2/$name" ||
        fail "Couldn't keep a copy of $1 in $2."
}

# Uploads a package unless it runs already. A copy stays, because Azure keeps no earlier package.
publish() {
    local running copy=$PUBLISHED/$PACKAGE_COMMIT
    running=""
    [[ -n "$DRY_RUN" && -z "$PYTHON" ]] || running=$(running_commit) # there is no app to ask
    if [ "$running" = "$PACKAGE_COMMIT" ] && [[ "$running" != *-modified ]]; then
        say "The package of commit $PACKAGE_COMMIT runs already."
        return 0
    fi
    if [ -z "$DRY_RUN" ] && [ "$(dirname "$PACKAGE")" != "$copy" ]; then
        package_keep "$PACKAGE" "$copy"
    fi
    [ -n "$DRY_RUN" ] || refuse_near_rotation_now
    say "Publishing the package. This takes two minutes or more."
    change publish_file "$PACKAGE"
}

# The Azure CLI asks the new app for its health, and fails if it is slow. This script asks itself, later and for longer.
publish_file() {
    local REPLICATING="$REPLICATING|ongoing deployment" errors code=0
    errors=$(retried az functionapp deployment source config-zip --subscription "$SUBSCRIPTION" \
        --resource-group "$GROUP" --name "$APP" --src "$1" --build-remote false --only-show-errors --output none 2>&1) ||
        code=$?
    [ "$code" = 0 ] || [[ "$errors" == *"Deployment was successful"* ]] || fail "The package couldn't be published: $errors"
}

# Sets FORMER_PACKAGE: the one that runs now. Without it there is no way back, so it ends the script.
package_former() {
    local running file facts
    running=$(running_commit)
    [[ "$running" != *-modified ]] || fail "The package that runs, commit $running, was built with changes that Git doesn't" \
        "have. So a copy with this commit could be another one, and there would be no way back. Leave out --package-only."
    [ -n "$running" ] || fail "$APP doesn't respond, so it is unknown what runs. Without --package-only, this script" \
        "repairs all parts."
    for file in "$PUBLISHED/$running"/*.zip "$DIST"/*.zip; do
        [ -f "$file" ] && [ -f "$file.sha256" ] || continue
        facts=$(package_facts "$file" 2>/dev/null) || continue
        [ "${facts%% *}" = "$running" ] || continue
        package_matches "$file" || { say "$file doesn't match its .sha256." >&2 && continue; }
        FORMER_PACKAGE=$file FORMER_COMMIT=$running
        return 0
    done
    fail "The package that runs now, commit $running, is not in $PUBLISHED or $DIST with its .sha256. Azure keeps no" \
        "copy, so there would be no way back. Build it from that commit, or download that release, then repeat."
}

# Ends the script if another package runs by now than the former or the new one: somebody else has published it.
refuse_package_of_others() {
    local running
    running=$(running_commit)
    [[ -z "$running" || "$running" == "$FORMER_COMMIT" || "$running" == "$PACKAGE_COMMIT" ]] ||
        fail "The commit $running runs, which this script did not publish. Somebody else published it meanwhile, so the" \
            "former package stays away. Agree with them which one must run, then repeat."
}

# Only the code. If the new package doesn't respond, the former one goes back.
package_only() {
    package_former
    package_choose
    [ "$FORMER_PACKAGE" != "$PACKAGE" ] || say "It is the package that runs."
    say "Now:        $FORMER_PACKAGE (commit $FORMER_COMMIT)"
    [ -n "$DRY_RUN" ] || confirm "Publish it to $APP?" || fail "Nothing was changed."
    # Also a copy of the former one, which the next build may overwrite.
    if [ -z "$DRY_RUN" ] && [ "$(dirname "$FORMER_PACKAGE")" != "$PUBLISHED/$FORMER_COMMIT" ]; then
        package_keep "$FORMER_PACKAGE" "$PUBLISHED/$FORMER_COMMIT"
        FORMER_PACKAGE=$PUBLISHED/$FORMER_COMMIT/$(basename "$FORMER_PACKAGE")
    fi
    # A refusal inside would be taken for a package that doesn't respond. The way back refuses nothing: it repairs.
    [ -n "$DRY_RUN" ] || refuse_near_rotation_now
    if (NOW=yes && publish && verify); then
        return 0
    fi
    [ -z "$DRY_RUN" ] || return 1
    refuse_package_of_others
    say "The new package doesn't work. The former one goes back."
    publish_file "$FORMER_PACKAGE"
    PACKAGE_COMMIT=$FORMER_COMMIT
    verify
    fail "The package of commit $FORMER_COMMIT runs again. The new one failed, see above."
}
