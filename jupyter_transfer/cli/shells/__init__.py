"""What a shell has to be told so that it asks this program how a line may go on.

The program's side is click's own ("Shell Completion" in its documentation). The scripts are ours,
since ``:`` in addresses ends a word in bash, and since most people type ``jupyter transfer``, whose
first word belongs to somebody else.
"""

from .bash import BASH
from .fish import FISH
from .zsh import ZSH

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}
"""Name of a shell -> its script."""
