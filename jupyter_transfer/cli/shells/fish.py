"""The script for fish."""

FISH = r"""# jupyter transfer: completion for fish, for ~/.config/fish/completions/jupyter.fish

function _jupyter_transfer_completion
    set -l line (commandline -cp | string replace -r '^\s*\S*jupyter\s+transfer' jupyter-transfer)
    set -l word (commandline -ct)
    set -l answer (env _JUPYTER_TRANSFER_COMPLETE=fish_complete "COMP_WORDS=$line" \
        "COMP_CWORD=$word" jupyter-transfer 2>/dev/null)
    for one in $answer
        set -l parts (string split -m 1 , -- $one)
        switch $parts[1]
            case dir
                __fish_complete_directories $word
            case file
                __fish_complete_path $word
            case plain
                echo $parts[2]
        end
    end
end

function _jupyter_transfer_is_meant
    commandline -cp | string match -qr '^\s*\S*jupyter\s+transfer\s'
end

complete --no-files --command jupyter-transfer --arguments "(_jupyter_transfer_completion)"
complete --no-files --command jupyter --condition _jupyter_transfer_is_meant \
    --arguments "(_jupyter_transfer_completion)"
"""
