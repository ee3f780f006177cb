"""Whether JupyterLab and its server will load this extension."""

from __future__ import annotations

import os
from collections.abc import Iterator

from jupyter_core.paths import jupyter_config_path, jupyter_path

from .finding import Finding

NAME = "jupyter_transfer"
PANEL = ("jupyter-transfer", "package.json")


def extension() -> Iterator[Finding]:
    """The server extension, and the panel."""
    yield _server_extension()
    places = [os.path.join(folder, *PANEL) for folder in jupyter_path("labextensions")]
    found = next((place for place in places if os.path.isfile(place)), None)
    if found is None:
        yield Finding(
            "Jupyter",
            "panel",
            "missing",
            "it is in none of the folders of extensions of this JupyterLab",
            'Run pip install "jupyter_transfer[lab]" where JupyterLab runs.',
        )
    else:
        yield Finding("Jupyter", "panel", "ok", f"is in {os.path.dirname(found)}")


def _server_extension() -> Finding:
    from jupyter_server.extension.config import (  # noqa: PLC0415 - slow to load
        ExtensionConfigManager,
    )

    known = ExtensionConfigManager(read_config_path=jupyter_config_path())
    enabled = known.get_jpserver_extensions()  # type: ignore[no-untyped-call]
    if enabled.get(NAME):
        return Finding("Jupyter", "server extension", "ok", "is enabled")
    return Finding(
        "Jupyter",
        "server extension",
        "missing",
        "is not enabled for the servers of this Python",
        f"Run jupyter server extension enable {NAME}.",
    )
