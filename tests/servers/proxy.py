"""An HTTP proxy on loopback that only knows CONNECT, and records what it was asked."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .chaos import end


class ConnectProxy:
    """`targets` are the hosts asked for, `credentials` the Proxy-Authorization headers seen."""

    def __init__(self, *, refuse: bool = False) -> None:
        self.targets: list[str] = []
        self.credentials: list[str] = []
        self._refuse = refuse
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        end(self._listener)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            head = b""
            while b"\r\n\r\n" not in head:
                data = client.recv(4096)
                if not data:
                    return
                head += data
            first, *fields = head.decode("latin-1").split("\r\n")
            method, target, _ = first.split(" ")
            self.targets.append(target)
            self.credentials += [f for f in fields if f.lower().startswith("proxy-authorization")]
            if self._refuse or method != "CONNECT":
                client.sendall(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
                return
            host, _, port = target.rpartition(":")
            with socket.create_connection((host, int(port))) as server:
                client.sendall(b"HTTP/1.1 200 Connected\r\nX-Proxy: yes\r\n\r\n")
                back = threading.Thread(target=_pump, args=(server, client), daemon=True)
                back.start()
                _pump(client, server)
                back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def running_proxy(*, refuse: bool = False) -> Iterator[ConnectProxy]:
    """A proxy for the length of a ``with`` block."""
    proxy = ConnectProxy(refuse=refuse)
    try:
        yield proxy
    finally:
        proxy.close()
