# SPDX-License-Identifier: MIT
# Completion of bgtask for bash. What there is to complete is asked of bgtask itself, as `bgtask complete` says.

_bgtask()
{
        local current=${COMP_WORDS[COMP_CWORD]} line name quoted
        local IFS=$'\n'

        COMPREPLY=()
        # A word that is split at a "=" begins anew behind it.
        [[ $current == = ]] && current=
        current=${current#[\"\']}
        while IFS= read -r line; do
                name=${line%%$'\t'*}
                case $name in
                :files | :folders)
                        compopt -o filenames
                        [[ $name == :files ]] && name=file || name=directory
                        mapfile -t COMPREPLY < <(compgen -A "$name" -- "$current")
                        return
                        ;;
                esac
                printf -v quoted '%q' "$name"
                if [[ $quoted == "$current"* ]]; then
                        COMPREPLY+=("$quoted")
                elif [[ $name == "$current"* ]]; then
                        COMPREPLY+=("$name")
                fi
        done < <("$1" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
        # A list that goes on, and a name whose value follows, get no space.
        [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=,] ]] && compopt -o nospace
}
complete -F _bgtask bgtask
