# SPDX-License-Identifier: MIT
# Completion of bgtask for fish. What there is to complete is asked of bgtask itself, as `bgtask complete` says.

function __bgtask_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l found ($words[1] complete -- $words[2..-1] "$current" 2>/dev/null)
    switch "$found[1]"
        case :files
            __fish_complete_path "$current"
        case :folders
            __fish_complete_directories "$current" ''
        case '*'
            printf '%s\n' $found
    end
end

complete -c bgtask -f -a '(__bgtask_complete)'
