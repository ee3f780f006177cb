"""The rivals of our server, and what stands before both: a certificate, a long way."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from .harness import MissingError, run_command
from .processes import HERE, Certificate, Server, free_port, running, wait_for
from .report import REPOSITORY, find_tool

_NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes auto; {user}
events {{ worker_connections 256; }}
http {{
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; default_type application/octet-stream;
  client_max_body_size 0; {buffer} client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/t1; fastcgi_temp_path {folder}/t2;
  uwsgi_temp_path {folder}/t3; scgi_temp_path {folder}/t4;
  server {{
    listen 127.0.0.1:{port}{tls};
    root {root}; autoindex on;
    location /put/ {{ dav_methods PUT DELETE; create_full_put_path on; }}
  }}
}}
"""


@contextmanager
def nginx(
    folder: Path, body_buffer: str | None = "1m", certificate: Certificate | None = None
) -> Iterator[Server]:
    """An nginx that serves ``folder/root`` and takes WebDAV PUTs below ``/put/``.

    `body_buffer` is its client_body_buffer_size; None leaves the default, 8 or 16 KiB. With a
    `certificate` it speaks TLS alone.
    """
    program = find_tool("nginx")
    if program is None:
        raise MissingError("nginx is not installed")
    root = folder / "root"
    (root / "put").mkdir(parents=True, exist_ok=True)
    (folder / "body").mkdir(exist_ok=True)
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    config = folder / "nginx.conf"
    buffer = f"client_body_buffer_size {body_buffer};" if body_buffer else ""
    tls, scheme = "", "http"
    if certificate is not None:
        tls = f" ssl; ssl_certificate {certificate.file}; ssl_certificate_key {certificate.key}"
        scheme = "https"
    where = {"folder": folder, "root": root, "port": port}
    config.write_text(_NGINX.format(**where, user=user, buffer=buffer, tls=tls))
    log = folder / "nginx.log"
    command = [program, "-c", str(config), "-e", str(folder / "error.log")]
    server = Server(0, f"{scheme}://127.0.0.1:{port}/", root, certificate=certificate)
    with running(command, log) as process:
        wait_for(server, "", process, log)
        server.pid = process.pid
        yield server


def node_modules() -> Path:
    """The cache folder with the npm rivals, installed when need be. Raises `MissingError`."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "jupyter-transfer-benchmarks"
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise MissingError("node or npm is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    wanted = (HERE / "package.json").read_bytes()
    stamp = folder / "installed.json"
    for name in ("package.json", "tus_node.mjs"):
        shutil.copyfile(HERE / name, folder / name)
    if not stamp.exists() or stamp.read_bytes() != wanted:
        command = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--omit=dev"]
        answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if answer.returncode:
            raise MissingError(f"npm could not install it: {answer.stderr.strip()[-200:]}")
        stamp.write_bytes(wanted)
    return folder


@contextmanager
def tus_node(folder: Path, certificate: Certificate | None = None) -> Iterator[Server]:
    """@tus/server with its file store. Raises `MissingError` without Node or npm."""
    modules = node_modules()
    root = folder / "root"
    root.mkdir(parents=True, exist_ok=True)
    port, log = free_port(), folder / "node.log"
    command = ["node", str(modules / "tus_node.mjs"), str(port), str(root)]
    scheme = "http"
    if certificate is not None:
        scheme = "https"
        command += [str(certificate.file), str(certificate.key)]
    server = Server(0, f"{scheme}://127.0.0.1:{port}/", root, certificate=certificate)
    environment = os.environ | {"NODE_ENV": "production"}
    with running(command, log, cwd=modules, env=environment) as process:
        wait_for(server, "files", process, log)
        server.pid = process.pid
        yield server


def tus_node_version() -> str:
    """The installed version of @tus/server."""
    path = node_modules() / "node_modules" / "@tus" / "server" / "package.json"
    return str(json.loads(path.read_text())["version"])


def self_signed(folder: Path) -> Certificate:
    """A certificate for the loopback, on the usual curve. Raises `MissingError`."""
    if shutil.which("openssl") is None:
        raise MissingError("openssl is not installed")
    certificate = Certificate(folder / "certificate.pem", folder / "key.pem")
    command = ["openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-out", str(certificate.file), "-keyout", str(certificate.key)]
    run_command(command)
    return certificate


@contextmanager
def delayed(server: Server, round_trip: float, log: Path) -> Iterator[Server]:
    """`server` at an address from which it is `round_trip` seconds away; itself without any."""
    if not round_trip:
        yield server
        return
    scheme, _, place = server.url.partition("://")
    port, far = free_port(), place.rstrip("/").rpartition(":")[2]
    command = [sys.executable, "-m", "benchmarks.delay", str(port), far, str(round_trip / 2)]
    away = replace(server, url=f"{scheme}://127.0.0.1:{port}/")
    with running(command, log, cwd=REPOSITORY) as process:
        wait_for(away, "", process, log)
        yield away
