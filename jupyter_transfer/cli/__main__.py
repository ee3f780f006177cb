"""``python -m jupyter_transfer.cli``."""

from .main import main

main(prog_name="jupyter transfer")
