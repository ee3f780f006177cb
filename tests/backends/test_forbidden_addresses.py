"""Addresses that may not be called, by every way that an address comes in: what a person writes,
a redirect, a name, a name that changes its mind, a listing, a mirror, a data connection.

No socket for such an address may even be made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address
from itertools import count
from typing import Any

import pycurl
import pytest

from jupyter_transfer import net
from jupyter_transfer.backends import rclone_program
from jupyter_transfer.engine import transport
from jupyter_transfer.net import Policy

from ..engine.conftest import Harness
from ..servers.chaos import ChaosServer, Connection, Resource, noise, redirect, status
from ..servers.ftplines import FtpLines, running_ftp_lines
from ..test_net import LOOPBACK, NEVER, USELESS

DATA = noise(200_000)
SPELLED = ["2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "[::ffff:a9fe:a9fe]"]
NAMES = ["metadata.google.internal", "METADATA.google.internal."]
S3 = {"access_key_id": "AKIATEST", "secret_access_key": "secret", "region": "us-east-1"}


_numbers = count()


@dataclass
class Trial:
    """What a way needs to try one address.

    Parameters
    ----------
    address: numeric, without brackets.
    sockets: addresses for which sockets were made.
    resolve: makes ``rebind.example`` mean these addresses, one after the other.
    """

    harness: Harness
    chaos: ChaosServer
    ftp: FtpLines
    address: str
    resolve: Callable[..., None]
    sockets: list[str] = field(default_factory=list)

    @property
    def host(self) -> str:
        """As it stands in a URL."""
        plain = self.address.partition("%")[0]
        return f"[{plain}]" if ":" in plain else plain

    def run(self, source: str, destination: str = ".", **options: Any) -> Any:
        return self.harness.run(source, destination, id=f"job-{next(_numbers)}", **options)


# ---- ways ---------------------------------------------------------------------------------------


def literal(trial: Trial, scheme: str = "http") -> Any:
    return trial.run(f"{scheme}://{trial.host}:8080/x")


def redirected(trial: Trial, code: int = 302) -> Any:
    trial.chaos.add("/moved", redirect(f"http://{trial.host}/latest/", code))
    return trial.run(f"{trial.chaos.url}/moved")


def redirected_in_the_middle(trial: Trial) -> Any:
    """The first part comes, the others redirect."""
    good = Resource(DATA)

    def act(connection: Connection) -> None:
        away = not connection.request.is_probe
        (redirect(f"http://{trial.host}/x") if away else good)(connection)

    return trial.run(trial.chaos.add("/middle.bin", act))


def named(trial: Trial, scheme: str = "http") -> Any:
    trial.resolve(trial.address)
    return trial.run(f"{scheme}://rebind.example:8080/x")


def named_later(trial: Trial) -> Any:
    """The name means a good address once, and then this one."""
    trial.resolve("127.0.0.1", trial.address)
    trial.chaos.add("/f.bin", Resource(DATA))
    return trial.run(f"http://rebind.example:{trial.chaos.port}/f.bin")


def endpoint(trial: Trial, kind: str = "fetch") -> Any:
    options = {**S3, "endpoint": f"http://{trial.host}:8080", "addressing": "path"}
    if kind == "send":
        return trial.run("mine.bin", "s3://bucket/f", kind=kind, **options)
    return trial.run("s3://bucket/f.bin", **options)


def endpoint_named(trial: Trial) -> Any:
    trial.resolve(trial.address)
    options = {**S3, "endpoint": "http://rebind.example:8080", "addressing": "path"}
    return trial.run("s3://bucket/", **options)


def data_redirected(trial: Trial) -> Any:
    """The object is there; its presigned address redirects."""

    def act(connection: Connection) -> None:
        if connection.request.method == "HEAD":
            connection.head(200, {"ETag": '"e"', "Content-Length": str(len(DATA))})
        else:
            redirect(f"http://{trial.host}/latest/", 307)(connection)

    trial.chaos.add("/bucket/f.bin", act)
    options = {**S3, "endpoint": trial.chaos.url, "addressing": "path"}
    return trial.run("s3://bucket/f.bin", **options)


def sent(trial: Trial) -> Any:
    return trial.run("mine.bin", f"http://{trial.host}:8080/x", kind="send")


def copied(trial: Trial, way: str) -> Any:
    here = trial.chaos.add("/f.bin", Resource(DATA))
    away = f"http://{trial.host}:8080/x"
    ends = (away, f"{trial.chaos.url}/put") if way == "from" else (here, away)
    return trial.run(*ends, kind="copy", webdav="no")


def synchronised(trial: Trial, way: str) -> Any:
    away = f"ftp://{trial.host}:8080/x/"
    ends = (away, "to") if way == "from" else ("from", away)
    (trial.harness.folder / "from").mkdir(exist_ok=True)
    return trial.run(*ends, kind="sync")


def sent_and_redirected(trial: Trial) -> Any:
    for path in ("/put", "/"):
        trial.chaos.add(path, redirect(f"http://{trial.host}/x", 307))
    return trial.run("mine.bin", f"{trial.chaos.url}/put", kind="send", webdav="no")


def webdav_redirected(trial: Trial) -> Any:
    def act(connection: Connection) -> None:
        connection.take()
        if connection.request.method == "OPTIONS":
            connection.head(200, {"DAV": "1,2", "Content-Length": "0"})
        elif connection.request.method in ("PROPFIND", "MKCOL"):
            status(404)(connection)
        else:
            redirect(f"http://{trial.host}/x", 307)(connection)

    trial.chaos.resources.clear()
    trial.chaos.resources = _Everywhere(act)
    outcome = trial.run("mine.bin", f"{trial.chaos.url}/dav/f", kind="send")
    trial.chaos.resources = {}
    return outcome


class _Everywhere(dict):
    def __init__(self, answer: Callable[[Connection], None]) -> None:
        super().__init__()
        self._answer = answer

    def get(self, _path: str, _default: Any = None) -> Any:
        return self._answer


def mirror(trial: Trial, first: str = "/gone") -> Any:
    """A Metalink whose only place that works would be this."""
    sha = hashlib.sha256(DATA).hexdigest()
    places = [f"http://{trial.host}/f.bin"] if not first else [first, f"http://{trial.host}/f.bin"]
    urls = "".join(f'<url priority="{n}">{url}</url>' for n, url in enumerate(places, 1))
    text = (
        f'<metalink xmlns="urn:ietf:params:xml:ns:metalink"><file name="f.bin">'
        f'<size>{len(DATA)}</size><hash type="sha-256">{sha}</hash>{urls}</file></metalink>'
    )
    trial.chaos.add("/gone", status(404))
    trial.chaos.add("/f.meta4", Resource(text.encode()))
    return trial.run(f"{trial.chaos.url}/f.meta4")


def linked(trial: Trial) -> Any:
    """The server names a Metalink, and mirrors, elsewhere; then it fails."""
    away = f"http://{trial.host}/f.meta4"
    link = f'<{away}>; rel=describedby; type="application/metalink4+xml", <{away}>; rel=duplicate'
    good = Resource(DATA, headers={"Link": link})

    def act(connection: Connection) -> None:
        (good if connection.request.is_probe else status(404))(connection)

    return trial.run(trial.chaos.add("/linked.bin", act))


def checksum_file(trial: Trial) -> Any:
    trial.chaos.add("/f.bin", Resource(DATA))
    return trial.run(f"{trial.chaos.url}/f.bin", checksum=f"http://{trial.host}/SUMS")


def data_connection(trial: Trial, verb: str = "PASV") -> Any:
    """A server of FTP that names it for the connection of the data."""
    plain = ip_address(trial.address.partition("%")[0])
    numbers = str(plain).replace(".", ",") if plain.version == 4 else "169,254,169,254"

    def before(asked: str, _: str) -> str | None:
        if asked == "EPSV":
            return "500 no" if verb == "PASV" else f"229 go on (|{plain.version // 2}|{plain}|80|)"
        if asked == "PASV":
            return f"227 go on ({numbers},0,80)"
        return None

    trial.ftp.files["f.bin"] = DATA
    trial.ftp.before = before
    return trial.run(trial.ftp.address("f.bin"))


def remote_of_rclone(trial: Trial, kind: str = "webdav", option: str = "url") -> Any:
    value = f"http://{trial.host}:8080/" if option == "url" else trial.host
    options = {"remote_type": kind, "remote_options": json.dumps({option: value})}
    return trial.run("rclone://mine/x", **options)


def remote_of_rclone_named(trial: Trial) -> Any:
    trial.resolve(trial.address)
    options = json.dumps({"url": "http://rebind.example/"})
    return trial.run("rclone://mine/x", remote_type="webdav", remote_options=options)


WAYS: dict[str, Callable[[Trial], Any]] = {
    "literal": literal,
    **{f"literal-{s}": partial(literal, scheme=s) for s in ("https", "ftp", "ftps", "sftp")},
    **{f"redirect-{code}": partial(redirected, code=code) for code in (301, 303, 307, 308)},
    "redirect-in-the-middle": redirected_in_the_middle,
    "name": named,
    **{f"name-{scheme}": partial(named, scheme=scheme) for scheme in ("https", "ftp", "sftp")},
    "name-that-changes": named_later,
    "endpoint": endpoint,
    "endpoint-send": partial(endpoint, kind="send"),
    "endpoint-name": endpoint_named,
    "presigned-redirect": data_redirected,
    "send": sent,
    "send-redirect": sent_and_redirected,
    "webdav-redirect": webdav_redirected,
    **{f"copy-{way}": partial(copied, way=way) for way in ("from", "to")},
    **{f"sync-{way}": partial(synchronised, way=way) for way in ("from", "to")},
    "metalink": mirror,
    "metalink-only-place": partial(mirror, first=""),
    "link-header": linked,
    "checksum-file": checksum_file,
    "ftp-pasv": data_connection,
    "ftp-epsv": partial(data_connection, verb="EPSV"),
    "rclone": remote_of_rclone,
    "rclone-host": partial(remote_of_rclone, kind="sftp", option="host"),
    "rclone-endpoint": partial(remote_of_rclone, kind="s3", option="endpoint"),
    "rclone-name": remote_of_rclone_named,
}

REFUSED_AT_ONCE = {"literal", "redirect", "name", "endpoint", "presigned", "send", "rclone"} | {
    "copy",
    "sync",
}
"""Ways that end in `address_refused`; the others have a way out, or fail otherwise."""

LATE = {"send-redirect", "redirect-in-the-middle"}
"""What redirects where no redirect is followed."""


@pytest.fixture
def ftp():
    with running_ftp_lines() as server:
        yield server


@pytest.fixture
def sockets(monkeypatch) -> list[str]:
    """Addresses for which the transport made sockets; none is connected anywhere but here."""
    made: list[str] = []
    make = transport.Transport._socket

    def watched(self, address):
        made.append(address.addr[0])
        if not address.addr[0].startswith("127.0.0.1"):
            raise OSError("this test connects to nobody else")
        return make(self, address)

    monkeypatch.setattr(transport.Transport, "_socket", watched)
    return made


@pytest.fixture
def resolve(monkeypatch):
    """libcurl's own answers, and Python's, as a DNS server under somebody's control gives them."""
    answers: list[str] = []
    asked = [0]
    set_up = transport.Transport._set_up

    def patched(self, line, proxy):
        set_up(self, line, proxy)
        handle, exchange = line.handle, line.current
        if exchange.url.host == "rebind.example":
            answer = answers[min(asked[0], len(answers) - 1)]
            asked[0] += 1
            host = f"[{answer}]" if ":" in answer else answer
            handle.setopt(pycurl.RESOLVE, [f"rebind.example:{exchange.url.port}:{host}"])
            handle.setopt(pycurl.FRESH_CONNECT, 1)

    def getaddrinfo(host, port, **_):
        assert host == "rebind.example" or net.literal_address(host)
        return [(2, 1, 6, "", (answers[-1] if host == "rebind.example" else host, port))]

    def means(*addresses: str) -> None:
        answers[:] = [address.partition("%")[0] for address in addresses]
        asked[0] = 0

    monkeypatch.setattr(transport.Transport, "_set_up", patched)
    monkeypatch.setattr(net.socket, "getaddrinfo", getaddrinfo)
    return means


@pytest.fixture(autouse=True)
def no_rclone(monkeypatch):
    """rclone connects by itself: so it must not be asked at all."""

    def started(*_):
        raise AssertionError("rclone was started")

    monkeypatch.setattr("jupyter_transfer.backends.rclone.command", started)
    monkeypatch.setattr("jupyter_transfer.backends.rclone_server.command", started)
    rclone_program.program.cache_clear()


POLICIES = {
    "server": (Policy.of(allow=["127.0.0.1/32"]), [*NEVER, *USELESS, "127.0.0.2", "::1"]),
    "everything-allowed": (Policy.of(allow=["0.0.0.0/0", "::/0"]), [*NEVER[::4], *USELESS[::4]]),
    "local": (Policy(local=True), NEVER[1::4]),
    "denied": (
        Policy.of(allow=["127.0.0.1/32"], deny=["10.0.0.0/8", "127.0.0.2/32"]),
        ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203", "127.0.0.2"],
    ),
}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("way", WAYS)
def test_no_socket_is_made(harness, chaos, ftp, sockets, resolve, way, policy):
    harness.policy, addresses = POLICIES[policy]
    if way.startswith("ftp"):  # each waits for a connection that does not come
        addresses = addresses[::6]
    (harness.folder / "mine.bin").write_bytes(DATA[:1000])
    for address in addresses:
        trial = Trial(harness, chaos, ftp, address, resolve)
        sockets.clear()
        outcome = WAYS[way](trial)
        assert set(sockets) <= {"127.0.0.1"}, (address, sockets)
        if way.partition("-")[0] in REFUSED_AT_ONCE and way not in LATE:
            assert outcome.error is not None, address
            assert outcome.error.code == "address_refused", (address, outcome.error)
        elif outcome.state == "done":
            assert (harness.folder / "f.bin").read_bytes() == DATA
            (harness.folder / "f.bin").unlink()
        assert harness.visible() == ["mine.bin"]


@pytest.mark.parametrize("host", [*SPELLED, *NAMES, *LOOPBACK])
@pytest.mark.parametrize("way", ["literal", "redirect-307", "endpoint", "send", "rclone"])
def test_every_spelling(harness, chaos, ftp, sockets, resolve, way, host):
    harness.policy = Policy.of(allow=["127.0.0.1/32"], deny=["127.0.0.1/32"])
    if way.startswith("redirect"):
        if host in LOOPBACK:
            pytest.skip("this server is there")
        harness.policy = Policy.of(allow=["127.0.0.1/32"])
    (harness.folder / "mine.bin").write_bytes(DATA[:1000])
    trial = Trial(harness, chaos, ftp, host.strip("[]"), resolve)
    assert WAYS[way](trial).error.code == "address_refused"
    assert set(sockets) <= {"127.0.0.1"}
    assert harness.visible() == ["mine.bin"]
