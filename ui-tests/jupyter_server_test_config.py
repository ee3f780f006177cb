"""A JupyterLab for the browser tests: Galata's helpers, but signed in and protected as usual.

The caller gives address, folders and token by environment, see support/labserver.ts.
"""

import os

from jupyterlab.galata import configure_jupyter_server

c = get_config()  # type: ignore[name-defined]  # noqa: F821

configure_jupyter_server(c)

folder = os.environ["UI_TEST_FOLDER"]
c.ServerApp.port = int(os.environ["UI_TEST_PORT"])
c.ServerApp.root_dir = f"{folder}/root"
c.LabApp.workspaces_dir = f"{folder}/workspaces"
c.IdentityProvider.token = os.environ["UI_TEST_TOKEN"]
# Galata switches off what we want to see working.
c.ServerApp.disable_check_xsrf = False
c.JupyterNotebookApp.expose_app_in_browser = True
c.TransferApp.state_dir = f"{folder}/state"
# A test comes by an address that is not the loopback's.
c.ServerApp.allow_remote_access = True
# The tests' own web servers are on this machine.
c.TransferApp.allow_networks = ["127.0.0.0/8"]
# Nobody asks the internet for news.
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.news_url = None
