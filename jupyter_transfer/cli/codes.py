"""The exit codes of the commands."""

DONE = 0
FAILED = 1
"""Nothing could be done, or not the only thing that there was to do."""
USAGE = 2
PARTLY = 3
"""Some files failed, others are done."""
NEEDS = 4
"""Credentials or a decision are missing."""
INTERRUPTED = 130
"""Ctrl-C."""
