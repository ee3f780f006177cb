"""The script for bash."""

BASH = r"""# jupyter transfer: completion for bash. In ~/.bashrc:
#   eval "$(jupyter transfer completion bash)"

_jupyter_transfer_completion() {
    local line=${COMP_LINE:0:COMP_POINT} program=$1 last type value IFS=$' \t\n'
    local -a words
    case $1 in
        *jupyter)
            program=${1%jupyter}jupyter-transfer
            line="jupyter-transfer${line#*transfer}"
            ;;
    esac
    read -ra words <<< "$line"
    local number=${#words[@]}
    if [[ $line == *[[:blank:]] ]]; then
        last=""
    else
        number=$((number - 1))
        last=${words[number]}
    fi
    local before=${last%"$2"}  # bash ends words at a colon, and replaces what stands behind it only
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
            dir) compopt -o dirnames 2>/dev/null ;;
            file) compopt -o default 2>/dev/null ;;
            plain)
                case $value in */ | *:) compopt -o nospace 2>/dev/null ;; esac
                printf -v value %q "$value"
                COMPREPLY+=("${value#"$before"}")
                ;;
        esac
    done < <(COMP_WORDS=$line COMP_CWORD=$number _JUPYTER_TRANSFER_COMPLETE=bash_complete \
        "$program" 2>/dev/null)
}

_jupyter_transfer_of_jupyter() {
    if [[ ${COMP_WORDS[1]} == transfer ]] && ((COMP_CWORD > 1)); then
        _jupyter_transfer_completion "$@"
    elif [[ -n $_jupyter_transfer_before ]]; then
        "$_jupyter_transfer_before" "$@"
    elif ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W "$(compgen -c jupyter- | sed s/^jupyter-//)" -- "$2"))
    else
        compopt -o default
    fi
}

_jupyter_transfer_set_up() {
    local known
    known=$(complete -p jupyter 2>/dev/null)
    if [[ $known =~ -F\ ([^\ ]+) && ${BASH_REMATCH[1]} != _jupyter_transfer_* ]]; then
        _jupyter_transfer_before=${BASH_REMATCH[1]}
    fi
    complete -o nosort -F _jupyter_transfer_of_jupyter jupyter
    complete -o nosort -F _jupyter_transfer_completion jupyter-transfer
}

_jupyter_transfer_set_up
"""
