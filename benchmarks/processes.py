"""The processes of a benchmark: Jupyter servers on free ports of the loopback, and the client.

Each is a context manager that ends its own process by its own id. Everything a server writes lies
in the benchmark's temporary folder.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_config_path
from jupyter_server.extension.config import ExtensionConfigManager

from .harness import BrokenError, tree_cpu
from .report import REPOSITORY

HERE = Path(__file__).resolve().parent
START_LIMIT = 90
"""Seconds a server may take to start."""


@dataclass(frozen=True)
class Certificate:
    """What a server shows over TLS, PEM files; it signs itself."""

    file: Path
    key: Path


@dataclass
class Server:
    """A running server."""

    pid: int
    url: str
    """Ends in a slash."""
    root: Path
    token: str = ""
    start: float = 0.0
    """Seconds from the start of the process to its first answer."""
    start_cpu: float = 0.0
    """CPU seconds of the same, those of its children included."""
    certificate: Certificate | None = None

    def order(self, path: str, **more: Any) -> dict[str, Any]:
        """What the measuring client must know to call the address `path` of this server."""
        order = {"url": self.url + path, "headers": self.headers, **more}
        if self.certificate is not None:
            order["certificate"] = str(self.certificate.file)
        return order

    @property
    def headers(self) -> dict[str, str]:
        """What a request needs to be let in."""
        return {"Authorization": f"token {self.token}"} if self.token else {}

    def cpu(self) -> float:
        """CPU seconds of the server and all its children so far."""
        return tree_cpu(self.pid)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """A small request outside all measuring; the JSON answer. Raises `BrokenError`."""
        data = None if body is None else json.dumps(body).encode()
        headers = self.headers | {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            trust = _trust(self.certificate)
            with urllib.request.urlopen(request, timeout=120, context=trust) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            text = error.read()[:300].decode(errors="replace")
            raise BrokenError(f"{method} {path}: {error.code} {text}") from None


def _trust(certificate: Certificate | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    return ssl.create_default_context(cafile=str(certificate.file))


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], log: Path, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process whose output goes to the file `log`; ended with the context."""
    with log.open("ab") as file:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, **options
        )
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[Any], limit: float = 15) -> None:
    """End a process that we started, by its own id."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(server: Server, path: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until `path` answers anything at all; its first answer ends the start."""
    limit = time.monotonic() + START_LIMIT
    request = urllib.request.Request(server.url + path, headers=server.headers)
    trust = _trust(server.certificate)
    while True:
        try:
            urllib.request.urlopen(request, timeout=10, context=trust).close()
            return
        except urllib.error.HTTPError as error:
            if error.code < 500:
                return
        except OSError:
            pass
        if process.poll() is not None or time.monotonic() > limit:
            tail = log.read_text(errors="replace")[-800:]
            raise BrokenError(f"{log.stem} did not start: {tail}")
        time.sleep(0.005)


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until somebody listens on `port` of the loopback. Raises `BrokenError`."""
    limit = time.monotonic() + START_LIMIT
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None or time.monotonic() > limit:
            raise BrokenError(f"{log.stem} did not start: {log.read_text()[-800:]}")
        time.sleep(0.02)


def jupyter_command(
    folder: Path,
    extensions: tuple[str, ...],
    traits: dict[str, Any] | None = None,
    certificate: Certificate | None = None,
) -> tuple[list[str], dict[str, str], str, str]:
    """Command, environment, url and token of a Jupyter server with just these extensions.

    Whatever else the environment has enabled is switched off, so that it costs nobody anything.
    """
    root = folder / "root"
    root.mkdir(parents=True, exist_ok=True)
    known = ExtensionConfigManager(read_config_path=jupyter_config_path()).get_jpserver_extensions()
    port, token = free_port(), secrets.token_hex(16)
    config: dict[str, dict[str, Any]] = {
        "ServerApp": {
            "ip": "127.0.0.1",
            "port": port,
            "port_retries": 0,
            "open_browser": False,
            "allow_root": True,
            "root_dir": str(root),
            "log_level": "WARN",
            "jpserver_extensions": dict.fromkeys(known, False) | dict.fromkeys(extensions, True),
        },
        "IdentityProvider": {"token": token},
    }
    if "jupyter_transfer" in extensions:
        state = {"state_dir": str(folder / "state"), "allow_networks": ["127.0.0.0/8"]}
        config["TransferApp"] = state
    if certificate is not None:
        files = {"certfile": str(certificate.file), "keyfile": str(certificate.key)}
        config["ServerApp"].update(files)
    for name, values in (traits or {}).items():
        config.setdefault(name, {}).update(values)
    path = folder / "jupyter_server_config.json"
    path.write_text(json.dumps(config))
    python_path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "PYTHONPATH": python_path,
    }
    command = [sys.executable, "-m", "benchmarks.jupyter", f"--config={path}"]
    scheme = "http" if certificate is None else "https"
    return command, environment, f"{scheme}://127.0.0.1:{port}/", token


@contextmanager
def jupyter(
    folder: Path,
    *extensions: str,
    traits: dict[str, Any] | None = None,
    certificate: Certificate | None = None,
) -> Iterator[Server]:
    """A Jupyter server whose root is ``folder/root``. Raises `BrokenError` if it does not start."""
    folder.mkdir(parents=True, exist_ok=True)
    command, environment, url, token = jupyter_command(folder, extensions, traits, certificate)
    server = Server(0, url, folder / "root", token, certificate=certificate)
    log = folder / "server.log"
    begin = time.monotonic()
    with running(command, log, env=environment, cwd=folder) as process:
        wait_for(server, "api/status", process, log)
        server.start = time.monotonic() - begin
        server.pid, server.start_cpu = process.pid, tree_cpu(process.pid)
        if "jupyter_transfer" in extensions:
            _check_extension(server, log)
        yield server


def _check_extension(server: Server, log: Path) -> None:
    try:
        server.ask("GET", "jupyter-transfer/jobs")
    except (BrokenError, ValueError):
        tail = " ".join(log.read_text(errors="replace").split())[-600:]
        raise BrokenError(f"the extension did not load: {tail}") from None


class Client:
    """The measuring client in its own process; see client/."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(HERE / "client")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        end(self.process)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def arm(self, **order: Any) -> None:
        """Have a command prepared. Raises `BrokenError`."""
        self._write(json.dumps(order))
        self._read()

    def go(self) -> dict[str, Any]:
        """Carry the prepared command out: its result with ``seconds`` and ``cpu``."""
        self.start()
        return self.finish()

    def start(self) -> None:
        """Fire the starting shot for the prepared command."""
        self._write("")

    def finish(self) -> dict[str, Any]:
        """Wait for the end of a command that was started; see `go`."""
        return self._read()

    def run(self, **order: Any) -> dict[str, Any]:
        """Both in one."""
        self.arm(**order)
        return self.go()

    def _write(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise BrokenError("the client ended")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise BrokenError(str(answer["error"]))
        return answer
