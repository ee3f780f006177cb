"""The transfer manager of Jupyter that never loses a byte.

Importing the package imports nothing heavy: the server extension, the CLI and the notebook
magics each load what they need when they are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client import Client as Client

__all__ = ["Client", "__version__"]

try:
    from ._version import __version__
except ImportError:  # a checkout that was never built
    __version__ = "0.0.0"


def __getattr__(name: str) -> Any:
    if name == "Client":
        from .client import Client  # noqa: PLC0415 - nobody else needs it

        return Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_ipython_extension(shell: Any) -> None:
    """The magics, by ``%load_ext jupyter_transfer``."""
    from .cells.buttons import listen  # noqa: PLC0415 - only notebooks need it
    from .cells.completing import install  # noqa: PLC0415
    from .cells.history import guard  # noqa: PLC0415
    from .magics import TransferMagics  # noqa: PLC0415

    shell.register_magics(TransferMagics)
    install(shell)
    guard(shell)
    listen(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Leave the history alone again, by ``%unload_ext jupyter_transfer``."""
    from .cells.history import unguard  # noqa: PLC0415 - only notebooks need it

    unguard(shell)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "jupyter-transfer"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from .app import TransferApp  # noqa: PLC0415 - only the server needs it

    return [{"module": "jupyter_transfer", "app": TransferApp}]
