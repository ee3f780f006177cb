"""One gate to the disk, one to the network, one to secrets, one to SQL; imports go down only.

The exceptions are named one by one with their reason. The first tests show that the reading finds
what it looks for.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys

import pytest

from .gates import Use, imports, matches, sources, uses

SOURCES = list(sources())

# fmt: off
FILE_CALLS = [
    "access", "chmod", "chown", "lchown", "link", "listdir", "lstat", "makedirs", "mkdir", "mkfifo",
    "mknod", "open", "readlink", "remove", "removedirs", "rename", "renames", "replace", "rmdir",
    "scandir", "stat", "symlink", "truncate", "unlink", "utime", "walk", "fwalk",
]
PATH_CALLS = [
    "exists", "lexists", "isfile", "isdir", "islink", "getsize", "getmtime", "samefile", "realpath",
]
# fmt: on

GATES: dict[str, tuple[tuple[str, ...], set[str]]] = {
    "disk": (
        (
            "builtins.open",
            "io.open",
            "io.FileIO",
            "codecs.open",
            *(f"os.{name}" for name in FILE_CALLS),
            *(f"os.path.{name}" for name in PATH_CALLS),
            "pathlib",
            "shutil",
            "tempfile",
            "glob",
            "aiofiles.open",
            "aiofiles.os",
            "aiofiles.tempfile",
        ),
        {
            "paths.py",
            "parts/part.py",
            "parts/stagedfiles.py",
            "parts/left.py",
            "parts/ownfiles.py",
            "parts/trees.py",
            "parts/pointers.py",
        },
    ),
    "network": (
        (
            "ipaddress",
            "socket.getaddrinfo",
            "socket.gethostby*",
            "socket.getnameinfo",
            "socket.inet_*",
            "socket.create_connection",
            "asyncio.open_connection",
            "urllib.request",
            "http.client.HTTP*Connection",
            "tornado.httpclient",
            "tornado.tcpclient",
            "requests",
            "httpx",
            "aiohttp",
        ),
        {"net.py"},
    ),
    "transport": (
        ("pycurl", "socket.socket"),
        {
            "engine/transport.py",
            "engine/body.py",
            "engine/curlerrors.py",
            "engine/curlversion.py",
            "engine/fileprotocols.py",
            "engine/hostkeys.py",
            "engine/window.py",
        },
    ),
    "secrets": (
        ("netrc", "keyring", "getpass", "os.environ", "os.environb", "os.getenv", "pycurl.NETRC*"),
        {
            "secrets/clients.py",
            "secrets/cluster.py",
            "secrets/environment.py",
            "secrets/held.py",
            "secrets/logins.py",
            "secrets/references.py",
            "secrets/ssh.py",
        },
    ),
    "boto3": (("boto3",), {"backends/s3session.py"}),  # bound to the transport there
    "hub": (("huggingface_hub", "httpx2"), {"backends/hub_client.py"}),  # bound as well
    "xet": (("hf_xet",), {"backends/xet_program.py"}),  # asks nobody but the bridge
    "sql": (("sqlite3",), {"store/database.py", "store/damage.py", "store/faults.py"}),
}

# (module, name): why this one is no way around the gate.
EXCEPTIONS = {
    ("store/database.py", "os.makedirs"): "our own state folder",
    ("store/database.py", "os.chmod"): "our own database",
    ("store/database.py", "os.open"): "our own lock file",
    ("store/database.py", "os.path.exists"): "our own lock file",
    ("store/damage.py", "os.open"): "our own database",
    ("store/damage.py", "os.path.lexists"): "our own database",
    ("store/damage.py", "os.rename"): "our own database",
    ("records.py", "os.makedirs"): "journals of our own, in the state folder",
    ("records.py", "os.open"): "journals of our own, in the state folder",
    ("records.py", "os.scandir"): "journals of our own, in the state folder",
    ("records.py", "os.unlink"): "journals of our own, in the state folder",
    ("tools.py", "shutil"): "programs on PATH; our own folder of sockets",
    ("tools.py", "tempfile"): "our own folder of sockets",
    ("tools.py", "os.scandir"): "our own folders of sockets",
    ("tools.py", "os.path.exists"): "our own sockets",
    ("tools.py", "os.open"): "what a program reads in our own folder of sockets",
    ("secrets/clients.py", "pathlib"): "credential files of the official clients",
    ("secrets/cluster.py", "os.path.lexists"): "whether a secret of Kubernetes is mounted",
    ("secrets/files.py", "pathlib"): "files that a job names as its credentials",
    ("secrets/files.py", "os.open"): "files that a job names as its credentials",
    ("secrets/files.py", "os.path.realpath"): "whether such a file lies where it may",
    ("secrets/logins.py", "pathlib"): "credential files of the official clients",
    ("secrets/logins.py", "os.open"): "credential files of the official clients",
    ("secrets/logins.py", "os.path.realpath"): "credential files that are links",
    ("secrets/ssh.py", "pathlib"): "the keys of a person",
    ("secrets/ssh.py", "os.open"): "known_hosts",
    ("secrets/ssh.py", "os.access"): "whether a private key can be read",
    ("engine/hostkeys.py", "tempfile"): "what libcurl reads of known_hosts",
    ("app.py", "os.path.realpath"): "the root itself, told by the server",
    ("engine/authorities.py", "pathlib"): "certificate authorities",
    ("engine/authorities.py", "os.environ"): "names of files with certificate authorities",
    ("servers.py", "pathlib"): "what running servers leave in the runtime folder",
    ("servers.py", "builtins.open"): "the token file that a person names",
    ("servers.py", "os.environ"): "the token of a JupyterHub; who has started this kernel",
    ("client.py", "requests"): "the person's own Jupyter server",
    ("cookiejars.py", "requests"): "the class of jars that another client reads",
    ("cli/local.py", "os.path.realpath"): "what the person at the terminal names",
    ("cli/local.py", "os.path.isdir"): "what the person at the terminal names",
    ("cli/health/extension.py", "os.path.isfile"): "whether JupyterLab will find the panel",
    ("cli/health/places.py", "builtins.open"): "what the kernel tells in /proc",
    ("workers.py", "os.environ"): "handed to the worker without the server's own secrets",
}

SQL = re.compile(
    r"\s*(select\s.+\sfrom|insert (or \w+ )?into|update\s+\w+\s+set|delete from"
    r"|create (table|index)|alter table|pragma|begin immediate)\b",
    re.IGNORECASE | re.DOTALL,
)

# Each may import those above it.
LAYERS = [
    {"errors"},
    {"names", "sizes", "timetable", "ambient", "loginfiles", "cookiejars"},
    {"tools", "secrets"},
    {"spec", "paths", "net", "directio", "records", "servers", "signin"},
    {"parts", "store", "events", "meter", "retries"}
    | {"joboptions", "decisions", "schedule", "history"},
    {"jobs", "backends", "allowances", "client", "archives"},
    {"streams", "engine"},
    {"datacube"},
    {"uploads", "admission", "leftovers", "abandoned"},
    {"workers", "worker", "jobfiles"},
    {"runner", "cli"},
    {"cells"},
    {"magics"},
    {"queue"},
    {"handlers"},
    {"app"},
]

NEVER = {
    "engine": ("jupyter_server", "jupyter_core", "traitlets", "tornado", "sqlite3", "asyncio"),
    "backends": ("jupyter_server", "jupyter_core", "traitlets", "tornado", "sqlite3", "asyncio"),
    "worker": ("jupyter_server", "jupyter_core", "traitlets", "tornado", "sqlite3"),
    "names": ("jupyter_server", "tornado", "asyncio", "ctypes", "fcntl"),
    "paths": ("jupyter_server", "tornado", "asyncio"),
    "net": ("jupyter_server", "tornado", "asyncio"),
}

SERVER_SIDE = {
    "retries",
    "store",
    "events",
    "meter",
    "jobs",
    "streams",
    "runner",
    "queue",
    "handlers",
    "app",
    "workers",
}
"""What no worker, engine or backend may know."""


def violations(gate: str, module: str, text: str) -> list[Use]:
    """What `module` does past `gate`."""
    patterns, keepers = GATES[gate]
    if module in keepers:
        return []
    excused = [name for where, name in EXCEPTIONS if where == module]
    return [
        use
        for use in uses(module, text)
        if matches(use.name, patterns) and not matches(use.name, tuple(excused))
    ]


def statements(module: str, text: str) -> list[str]:
    """SQL that stands in `module`, which is none of the database's."""
    return [
        f"{module}:{node.lineno} holds SQL"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value)
        if not module.startswith("store/")
    ]


def part_of(name: str) -> str:
    """The part of the house a module or a full name of ours belongs to, such as ``engine``."""
    return (
        name.removeprefix("jupyter_transfer.").replace("/", ".").removesuffix(".py").split(".")[0]
    )


def upward(module: str, text: str) -> list[Use]:
    """Imports of `module` that go up, or sideways into another part."""
    rank = {part: number for number, layer in enumerate(LAYERS) for part in layer}
    here = part_of(module)
    return [
        use
        for use in imports(module, text)
        if use.name.startswith("jupyter_transfer.")
        and part_of(use.name) not in (here, "_version")
        and rank[part_of(use.name)] >= rank[here]
    ]


# ---- the reading finds what it looks for --------------------------------------------------------


@pytest.mark.parametrize(
    ("gate", "text"),
    [
        ("disk", "open('x')"),
        ("disk", "import io\nio.open('x')"),
        ("disk", "from os import open as peek\npeek('x', 0)"),
        ("disk", "import os as system\nsystem.rename('a', 'b')"),
        ("disk", "import shutil\nshutil.move('a', 'b')"),
        ("disk", "def f():\n    from pathlib import Path\n    return Path('x').read_text()"),
        ("disk", "import os.path\nos.path.getsize('x')"),
        ("disk", "from aiofiles import open"),
        ("network", "from ipaddress import ip_address"),
        ("network", "import socket\nsocket.getaddrinfo('h', 1)"),
        ("network", "from urllib.request import urlopen"),
        ("network", "import http.client\nhttp.client.HTTPSConnection('h')"),
        ("transport", "import pycurl"),
        ("secrets", "import os\nos.environ['HF_TOKEN']"),
        ("secrets", "from os import getenv"),
        ("secrets", "import netrc"),
        ("sql", "import sqlite3 as s"),
    ],
)
def test_a_way_around_a_gate_is_found(gate, text):
    assert violations(gate, "handlers/bad.py", text)


@pytest.mark.parametrize(
    ("gate", "text"),
    [
        ("disk", "root.open('x')\nself.transfer.root.stat('x')"),
        ("disk", "import os\nos.pread(fd, 1, 0)\nos.fsync(fd)\nos.path.join('a', 'b')"),
        ("network", "from http.client import responses\nfrom urllib.parse import urlsplit"),
        ("secrets", "import secrets\nimport os\nos.cpu_count()"),
    ],
)
def test_what_is_allowed_is_left_alone(gate, text):
    assert violations(gate, "handlers/good.py", text) == []


@pytest.mark.parametrize(
    "text",
    [
        "db.execute('select a from b')",
        "db.execute(f'insert or replace into {table} values (1)')",
        "Q = '''\n    update b set a = 1'''",
        "db.execute('delete from b')",
        "db.execute('pragma user_version')",
    ],
)
def test_sql_outside_the_database_is_found(text):
    assert statements("jobs.py", text)
    assert statements("store/jobs.py", text) == []


@pytest.mark.parametrize("text", ["'Select one, then try again.'", "'update the page'"])
def test_words_are_no_sql(text):
    assert statements("jobs.py", text) == []


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("paths.py", "from .store import Store"),
        ("backends/bad.py", "from ..engine.transport import Transport"),
        ("uploads/bad.py", "from ..admission import JobAdmission"),
        ("engine/bad.py", "def f():\n    from .. import queue"),
        ("handlers/bad.py", "from jupyter_transfer.app import TransferApp"),
    ],
)
def test_an_import_that_goes_up_is_found(module, text):
    assert upward(module, text)


def test_imports_for_types_only_may_go_up():
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..app import TransferApp"
    assert upward("handlers/good.py", text) == []


# ---- the package --------------------------------------------------------------------------------


@pytest.mark.parametrize("gate", GATES)
def test_nobody_goes_past_the_gate(gate):
    found = [str(use) for module, text in SOURCES for use in violations(gate, module, text)]
    assert found == []


def test_only_the_database_holds_sql():
    assert [found for module, text in SOURCES for found in statements(module, text)] == []


def test_every_exception_is_still_needed():
    used = {
        (module, name)
        for module, text in SOURCES
        for use in uses(module, text)
        for where, name in EXCEPTIONS
        if where == module and matches(use.name, (name,))
    }
    assert set(EXCEPTIONS) - used == set()


def test_every_module_has_its_place():
    parts = {part_of(module) for module, _ in SOURCES} - {"__init__"}
    assert parts - set().union(*LAYERS) == set()


def test_imports_go_down_only():
    found = [
        str(use)
        for module, text in SOURCES
        if module != "__init__.py"
        for use in upward(module, text)
    ]
    assert found == []


def test_engine_backends_and_worker_know_nothing_of_the_server():
    found = []
    for module, text in SOURCES:
        here = part_of(module)
        for use in imports(module, text):
            ours = use.name.startswith("jupyter_transfer.")
            if matches(use.name, NEVER.get(here, ())) or (
                here in ("engine", "backends", "worker")
                and ours
                and part_of(use.name) in SERVER_SIDE
            ):
                found.append(str(use))
    assert found == []


def loaded_by(code: str) -> set[str]:
    """The modules that a new Python process has loaded after `code`."""
    script = f"import sys\n{code}\nprint(*sys.modules, sep='\\n')"
    run = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60
    )
    return set(run.stdout.split())


def test_the_server_process_loads_nothing_heavy():
    loaded = loaded_by("import jupyter_transfer.app, jupyter_transfer.handlers as h; h.routes()")
    assert "jupyter_transfer.handlers.tus" in loaded
    heavy = {"boto3", "botocore", "huggingface_hub", "git", "pycurl", "modelscope", "dask", "rich"}
    assert heavy & loaded == set()


def test_the_worker_loads_nothing_of_the_server():
    loaded = loaded_by("import jupyter_transfer.worker")
    assert "jupyter_transfer.engine.transport" in loaded
    assert {"jupyter_server", "tornado", "sqlite3", "traitlets"} & loaded == set()


def test_importing_the_package_loads_nothing_of_it():
    loaded = {name for name in loaded_by("import jupyter_transfer") if "jupyter_transfer." in name}
    assert loaded <= {"jupyter_transfer._version"}
