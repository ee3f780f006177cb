"""The part of a Kubernetes API server that hands out secrets and config maps, over TLS."""

from __future__ import annotations

import json
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from .nginx import make_certificate

NAMESPACE = "team-a"
TOKEN = "eyJ-a-token-of-a-service-account"


@dataclass
class Kubernetes:
    """A cluster, and the folder of a service account in it.

    `forbidden` are paths that the account may not read, `answers` whole answers by path.
    """

    port: int
    account: Path
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    config_maps: dict[str, dict[str, str]] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """What the cluster puts into the environment of a pod."""
        return {
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(self.port),
        }

    def answer(self, path: str, authorization: str | None) -> tuple[int, bytes]:
        self.asked.append(path)
        if path in self.answers:
            return self.answers[path]
        if authorization != f"Bearer {TOKEN}":
            return _status(401, "Unauthorized")
        prefix = f"/api/v1/namespaces/{NAMESPACE}/"
        kind, _, name = path.removeprefix(prefix).partition("/")
        if not path.startswith(prefix) or path in self.forbidden:
            return _status(403, f'{kind} "{name}" is forbidden')
        found = {"secrets": self.secrets, "configmaps": self.config_maps}.get(kind, {}).get(name)
        if found is None:
            return _status(404, f'{kind} "{name}" not found')
        if kind == "secrets":
            found = {key: b64encode(text.encode()).decode() for key, text in found.items()}
        kinds = {"secrets": "Secret", "configmaps": "ConfigMap"}
        return 200, json.dumps({"kind": kinds[kind], "apiVersion": "v1", "data": found}).encode()


def _status(code: int, message: str) -> tuple[int, bytes]:
    status = {"kind": "Status", "status": "Failure", "message": message, "code": code}
    return code, json.dumps(status).encode()


@contextmanager
def running_kubernetes(work: Path) -> Iterator[Kubernetes]:
    """A cluster whose service account lies in ``work/account``; it has ended when the block is
    left."""
    account = work / "account"
    account.mkdir(parents=True)
    certificate, key = make_certificate(account)
    (account / "ca.crt").write_bytes(certificate.read_bytes())
    (account / "namespace").write_text(NAMESPACE)
    (account / "token").write_text(TOKEN)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = cluster.answer(self.path, self.headers.get("Authorization"))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    cluster = Kubernetes(server.server_address[1], account)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield cluster
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
