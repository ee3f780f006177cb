"""JupyterLab as `make lab` runs it: the demo folder, the panel in front, and a token that stays.

The token is made once and kept beside the virtual environment. So a page that is open while the
server dies is still signed in when `make lab` has started it again, and its uploads go on.
"""

import secrets
from pathlib import Path

from jupyter_server.auth.identity import PasswordIdentityProvider
from traitlets import default

c = get_config()  # type: ignore[name-defined]  # noqa: F821

checkout = Path(__file__).resolve().parent.parent


class LastingToken(PasswordIdentityProvider):
    """Signs people in as usual, by a token that outlives the server."""

    @default("token")
    def _token_default(self) -> str:
        file = checkout / ".venv/token"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_hex(24))
        self.token_generated = True  # or the address is shown without it
        return file.read_text()


c.ServerApp.identity_provider_class = LastingToken
c.ServerApp.root_dir = str(checkout / "demo")
c.LabApp.workspaces_dir = str(checkout / ".venv/workspaces")
c.LabApp.default_url = "/lab/workspaces/demo"
