"""A real nginx on loopback, with plain HTTP and TLS, whose access log counts the bytes it sent."""

from __future__ import annotations

import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_CONFIG = """
daemon off;
master_process off;
pid {work}/nginx.pid;
error_log {work}/error.log;
events {{ worker_connections 256; }}
http {{
    log_format bytes '$status $body_bytes_sent $http_range';
    access_log {work}/access.log bytes;
    sendfile on;
    tcp_nopush on;
    types {{ text/plain txt; application/gzip gz; }}
    default_type application/octet-stream;
    client_body_temp_path {work}/client;
    proxy_temp_path {work}/proxy;
    fastcgi_temp_path {work}/fastcgi;
    uwsgi_temp_path {work}/uwsgi;
    scgi_temp_path {work}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {files};
        keepalive_requests 100000;
        location /slow/ {{ alias {files}/; limit_rate {slow}; }}
        location /private/ {{ alias {files}/; auth_basic "p"; auth_basic_user_file {work}/users; }}
        location /gzipped/ {{ alias {files}/; gzip on; gzip_types *; gzip_min_length 1; }}
        location /listed/ {{ alias {files}/; autoindex on; }}
        location /json/ {{ alias {files}/; autoindex on; autoindex_format json; }}
        location /guarded/ {{
            alias {files}/; autoindex on; auth_basic "p"; auth_basic_user_file {work}/users;
        }}
        location /dav/ {{
            alias {files}/;
            dav_methods PUT DELETE MKCOL COPY MOVE;
            client_max_body_size 0;
        }}
        location /moved/ {{ rewrite ^/moved/(.*)$ /$1 redirect; }}
    }}
    {tls}
}}
"""

_dice = random.SystemRandom()  # a seed that a test sets would give all processes the same ports

_TLS = """
    server {{
        listen 127.0.0.1:{port} ssl;
        root {files};
        ssl_certificate {certificate};
        ssl_certificate_key {key};
    }}
"""


def free_port() -> int:
    """A port of loopback that nobody listens at now, and that the system gives to no connection
    or other server until the caller has it."""
    while True:
        port = _dice.randrange(10_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def is_listening(port: int) -> bool:
    """Whether somebody takes connections at a port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Nginx:
    """A running server: `files` is its folder, `url` its address."""

    files: Path
    work: Path
    url: str
    tls_url: str | None
    process: subprocess.Popen[bytes]

    def requests(self) -> list[tuple[int, int, str]]:
        """Status, bytes of the body sent and Range of every finished request."""
        log = self.work / "access.log"
        rows = []
        for line in log.read_text().splitlines() if log.exists() else []:
            status, sent, byte_range = line.split(" ", 2)
            rows.append((int(status), int(sent), byte_range))
        return rows

    def bytes_sent(self) -> int:
        """Bytes of bodies sent so far."""
        return sum(sent for _, sent, _ in self.requests())


def make_certificate(folder: Path, host: str = "localhost") -> tuple[Path, Path]:
    """A self-signed certificate for `host` and 127.0.0.1, and its key."""
    certificate, key = folder / f"{host}.pem", folder / f"{host}.key"
    subject = ["-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host},IP:127.0.0.1"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(
        ["openssl", "req", "-x509", *curve, "-nodes", "-days", "2", *subject, *files],
        check=True,
        capture_output=True,
    )
    return certificate, key


@contextmanager
def running_nginx(
    work: Path, *, slow: str = "4m", certificate: tuple[Path, Path] | None = None
) -> Iterator[Nginx]:
    """Start nginx with its files in ``work/www``; it has ended when the block is left."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    files = work / "www"
    files.mkdir(parents=True, exist_ok=True)
    # user "u" with password "p" in crypt's old form, which nginx reads everywhere
    (work / "users").write_text("u:{PLAIN}p\nann:{PLAIN}canary-of-a-web-server\n")
    port, tls_port = free_port(), free_port()
    tls = ""
    if certificate:
        tls = _TLS.format(
            port=tls_port, files=files, certificate=certificate[0], key=certificate[1]
        )
    config = work / "nginx.conf"
    config.write_text(_CONFIG.format(work=work, port=port, files=files, slow=slow, tls=tls))
    process = subprocess.Popen(
        [program, "-p", str(work), "-c", str(config), "-e", str(work / "error.log")]
    )
    try:
        _wait_for(port, process)
        yield Nginx(
            files,
            work,
            f"http://127.0.0.1:{port}",
            f"https://127.0.0.1:{tls_port}" if certificate else None,
            process,
        )
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"nginx ended with {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError("nginx does not listen")
