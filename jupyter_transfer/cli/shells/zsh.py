"""The script for zsh."""

ZSH = r"""#compdef jupyter-transfer
# jupyter transfer: completion for zsh. In ~/.zshrc, behind compinit:
#   eval "$(jupyter transfer completion zsh)"

_jupyter_transfer_completion() {
    local type value help
    local -a lines values shown open
    lines=("${(@f)$(COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT-1)) \
        _JUPYTER_TRANSFER_COMPLETE=zsh_complete jupyter-transfer 2>/dev/null)}")
    for type value help in "${lines[@]}"; do
        case $type in
            dir) _path_files -/ ;;
            file) _path_files -f ;;
            plain)
                if [[ $help == _ ]]; then help=$value; else
                    value=${value//\\:/:}
                    help="$value  $help"
                fi
                if [[ $value == *(/|:) ]]; then open+=("$value"); else
                    values+=("$value")
                    shown+=("$help")
                fi
                ;;
        esac
    done
    (( $#values )) && compadd -U -V unsorted -l -d shown -a values
    (( $#open )) && compadd -U -V unsorted -S '' -a open
    return 0
}

_jupyter_transfer_of_jupyter() {
    if [[ $words[2] == transfer ]] && (( CURRENT > 2 )); then
        shift words
        (( CURRENT-- ))
        words[1]=jupyter-transfer
        _jupyter_transfer_completion
    elif [[ -n $_jupyter_transfer_before ]]; then
        $_jupyter_transfer_before "$@"
    elif (( CURRENT == 2 )); then
        compadd -- ${${(k)commands[(I)jupyter-*]}#jupyter-}
    else
        _default
    fi
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _jupyter_transfer_completion "$@"
else
    if [[ -n $_comps[jupyter] && $_comps[jupyter] != _jupyter_transfer_* ]]; then
        typeset -g _jupyter_transfer_before=$_comps[jupyter]
    fi
    compdef _jupyter_transfer_completion jupyter-transfer
    compdef _jupyter_transfer_of_jupyter jupyter
fi
"""
