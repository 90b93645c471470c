# SPDX-License-Identifier: MIT
# Read by ./check and ./demo with ".": finds the source tree, the build folder and the missing Debian packages.

# The programs of the distribution, not those of a version manager in the caller's home.
PATH=/usr/bin:/bin:/usr/sbin:/sbin
export PATH

# Prints the folder for everything that is built from source tree $1: never inside of it.
build_root()
{
        if [ -n "${BGTASK_BUILD_DIR:-}" ]; then
                printf '%s\n' "$BGTASK_BUILD_DIR"
                return
        fi
        hash=$(printf %s "$1" | cksum)
        printf '%s/bgtask-build/%s\n' "${XDG_CACHE_HOME:-${HOME:-/var/tmp/bgtask-$(id -u)}/.cache}" "${hash%% *}"
}

# Installs what tools/packages of source tree $1 lists for the users $2 … ("build", "check") and is not there.
# Touches neither network nor apt when nothing is missing.
need_packages()
{
        table=$1/tools/packages
        shift
        if ! command -v dpkg-query >/dev/null; then
                echo "This is not Debian: install what $table lists. Going on with what is there." >&2
                return
        fi
        wanted=$(awk -v users=" $* " '!/^#/ && index(users, " " $2 " ") { print $1 }' "$table")
        # shellcheck disable=SC2086 # a list of package names
        there=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $wanted 2>/dev/null |
                awk '$2 == "installed" { print $1 }')
        missing=
        for package in $wanted; do
                printf '%s\n' "$there" | grep -qxF "$package" || missing="$missing $package"
        done
        [ -n "$missing" ] || return 0

        echo "Missing Debian packages, to be installed with apt:"
        for package in $missing; do
                awk -v name="$package" '$1 == name { $2 = ""; sub(" +", "  "); print "  " $0 }' "$table"
        done
        sudo=
        if [ "$(id -u)" != 0 ]; then
                if ! command -v sudo >/dev/null; then
                        echo "There is no sudo. As root: apt-get update && apt-get install$missing" >&2
                        exit 1
                fi
                sudo=sudo
        fi
        $sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 update ||
                echo "apt-get update failed; trying with the package lists that are there." >&2
        # shellcheck disable=SC2086
        if ! log=$($sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=120 \
                --no-install-recommends install $missing 2>&1 </dev/null); then
                printf '%s\n' "$log" >&2
                echo "apt could not install:$missing" >&2
                exit 1
        fi
}
