"""Canaries in every slot of every backend, in jobs of each kind that pass and that fail: what a
person gives to reach a service shows nowhere, not even where the service gives it back."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from jupyter_transfer.events import SCHEMA_ID

from ..conftest import until
from ..servers.canaries import watching
from ..servers.chaos import ChaosServer, Connection, Resource, noise, redirect, running_chaos
from ..servers.ftp import PASSWORD, USER, running_ftp
from ..servers.ftplines import running_ftp_lines
from ..servers.git import running_git
from ..servers.proxy import running_proxy
from ..servers.rclone import served
from ..servers.s3 import KEY, SECRET, running_rclone
from ..servers.sshd import PASSPHRASE, running_sshd

DATA = noise(50_000)


def canary(slot: str) -> str:
    """A secret of its own, with letters that URLs, JSON and base64 write differently."""
    return f'canary+{slot}/{uuid.uuid4().hex[:8]}"%&'


@dataclass
class Case:
    """A job, what is secret in it, and how it ends."""

    name: str
    source: str
    destination: str
    secrets: list[str]
    ends: str
    options: dict[str, Any] = field(default_factory=dict)
    kind: str = "fetch"


def userinfo(url: str, password: str, user: str = "me") -> str:
    from urllib.parse import quote

    return url.replace("://", f"://{user}:{quote(password, safe='')}@", 1)


# ---- services -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[ChaosServer]:
    """Another origin: nothing of ours may arrive there."""
    with running_chaos() as server:
        server.add("/f.bin", Resource(DATA))
        yield server


@pytest.fixture(scope="module")
def web(elsewhere) -> Iterator[ChaosServer]:
    """A web server that takes whatever it is given, refuses it, or gives it back in every way."""

    def given(connection: Connection) -> str:
        """All that came with the request."""
        request = connection.request
        fields = [request.path.partition("?")[2], *request.headers.values()]
        return " ".join(fields).replace("\r", "").replace("\n", "")

    def answer(code: int, **headers: str) -> Callable[[Connection], None]:
        def act(connection: Connection) -> None:
            connection.take()
            body = f"<Error><Message>no: {given(connection)}</Message></Error>".encode()
            told = {name.replace("_", "-"): value for name, value in headers.items()}
            told |= {"X-Echo": given(connection), "Content-Length": str(len(body))}
            connection.head(code, told)
            if connection.request.method != "HEAD":
                connection.body(body)

        return act

    def onward(connection: Connection) -> None:
        query = connection.request.path.partition("?")[2]
        field = connection.request.headers.get("authorization", "").rpartition(" ")[2]
        key = connection.request.headers.get("x-key", "")
        from urllib.parse import quote

        redirect(f"{elsewhere.url}/f.bin?a={quote(field)}&b={quote(key)}&{query}")(connection)

    held: dict[str, bytes] = {}

    def store(connection: Connection) -> None:
        path = connection.request.path.partition("?")[0]
        if connection.request.method == "PUT":
            held[path] = connection.take()
            connection.head(201, {"Content-Length": "0"})
        elif path in held:
            connection.head(200, {"Content-Length": str(len(held[path]))})
        else:
            connection.head(404, {"Content-Length": "0"})

    with running_chaos() as server:
        server.add("/good/f.bin", Resource(DATA))
        server.add("/moved/f.bin", redirect(f"{elsewhere.url}/f.bin"))
        server.add("/onward/f.bin", onward)
        server.add("/refusing/f.bin", answer(401))
        server.add("/forbidding/f.bin", answer(403))
        server.add("/failing/f.bin", answer(500, Retry_After="3600"))
        for number in range(9):
            server.add(f"/store/{number}.bin", store)
        yield server


# ---- what each backend is given -----------------------------------------------------------------


def web_slots(url: str, path: str) -> Iterator[tuple[str, str, dict[str, Any], list[str]]]:
    """Each slot of a web address: address, options, secrets."""
    from urllib.parse import quote

    address = f"{url}{path}"
    secret = canary("userinfo")
    yield "userinfo", userinfo(address, secret), {}, [secret]
    secret = canary("password")
    yield "password", address, {"username": "me", "password": secret}, [secret]
    secret = canary("token").replace('"', "")
    yield "token", address, {"token": secret}, [secret]
    secret = canary("header")
    yield "headers", address, {"headers": f"X-Key: {secret}\nX-Other: yes"}, [secret]
    secret = canary("signature")
    signed = f"{address}?a=b&X-Amz-Signature={quote(secret, safe='')}"
    yield "query", signed, {}, [secret]


def web_fetches(web: ChaosServer) -> Iterator[Case]:
    fetches = [
        ("good", "done"),
        ("moved", "done"),
        ("onward", "failed"),
        ("refusing", "waiting"),
        ("forbidding", "failed"),
        ("failing", "failed"),
    ]
    for where, ends in fetches:
        for slot, source, options, secrets in web_slots(web.url, f"/{where}/f.bin"):
            handed_on = where == "onward" and slot != "headers"
            state = ends if handed_on or where != "onward" else "failed"
            yield Case(f"{slot}-{where}", source, "", secrets, state, options)


def web_sends(web: ChaosServer) -> Iterator[Case]:
    for number, where in [*enumerate(["refusing"] * 5), (0, "forbidding")]:
        slots = list(web_slots(web.url, f"/{where}/f.bin"))
        slot, address, options, secrets = slots[number]
        ends = "waiting" if where == "refusing" else ""
        options["webdav"] = "no"
        yield Case(f"{slot}-{where}", "mine.bin", address, secrets, ends, options, "send")
    for number in range(5):
        slots = list(web_slots(web.url, f"/store/{number}.bin"))
        slot, address, options, secrets = slots[number]
        options["webdav"] = "no"
        yield Case(f"{slot}-good", "mine.bin", address, secrets, "done", options, "send")


def s3_cases(s3: Any, web: ChaosServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    monkeypatch.setenv("CANARY_S3_SECRET", SECRET)
    base = {"endpoint": s3.url, "access_key_id": KEY}
    good = {**base, "secret_access_key": SECRET}
    yield Case("good", "s3://canary/f.bin", "", [SECRET], "done", good)
    by_name = {**base, "secret_access_key": "env:CANARY_S3_SECRET"}
    yield Case("by-name", "s3://canary/f.bin", "n/", [SECRET], "done", by_name)
    yield Case("send", "mine.bin", "s3://canary/up.bin", [SECRET], "done", good, "send")
    wrong = canary("s3-secret")
    bad = {**base, "secret_access_key": wrong}
    yield Case("wrong", "s3://canary/f.bin", "w/", [wrong], "waiting", bad)
    yield Case("send-wrong", "mine.bin", "s3://canary/w.bin", [wrong], "waiting", bad, "send")
    token, secret = canary("s3-token").replace('"', ""), canary("s3-secret")
    echo = {
        "endpoint": f"{web.url}/forbidding",
        "access_key_id": KEY,
        "secret_access_key": secret,
        "session_token": token,
        "addressing": "path",
    }
    yield Case("echo", "s3://x-y/f.bin", "e/", [secret, token], "", echo)
    yield Case("send-echo", "mine.bin", "s3://x-y/f", [secret, token], "", echo, "send")


def ftp_cases(server: Any, lines: Any, home: Path) -> Iterator[Case]:
    (home / "ftp-password").write_text(PASSWORD)
    (home / "ftp-password").chmod(0o600)
    address, wrong = server.address("f.bin"), canary("ftp")
    yield Case("userinfo", userinfo(address, PASSWORD, USER), "a/", [PASSWORD], "done")
    login = {"username": USER, "password": PASSWORD}
    yield Case("password", address, "b/", [PASSWORD], "done", login)
    by_name = {"username": USER, "password": "file:~/ftp-password"}
    yield Case("by-name", address, "c/", [PASSWORD], "done", by_name)
    yield Case("send", "mine.bin", server.address("up.bin"), [PASSWORD], "done", login, "send")
    yield Case("wrong", userinfo(address, wrong, USER), "d/", [wrong], "waiting")
    bad = {"username": USER, "password": wrong}
    yield Case("send-wrong", "mine.bin", server.address("w.bin"), [wrong], "waiting", bad, "send")
    secret = canary("ftp-echo")

    def before(verb: str, argument: str) -> str | None:
        return f"530 {argument} is not it, {secret}" if verb == "PASS" else None

    lines.before = before
    echoed = userinfo(lines.address("f.bin"), secret, USER)
    yield Case("echo", echoed, "e/", [secret], "waiting")
    options = {"username": USER, "password": secret}
    yield Case("send-echo", "mine.bin", lines.address("x"), [secret], "waiting", options, "send")


def sftp_cases(server: Any, home: Path) -> Iterator[Case]:
    (home / ".ssh").mkdir()
    (home / ".ssh" / "known_hosts").write_text(server.known_host())
    (server.files / "f.bin").write_bytes(DATA)
    address = server.address(server.files / "f.bin")
    key = {"key_file": str(server.key), "passphrase": PASSPHRASE}
    yield Case("passphrase", address, "a/", [PASSPHRASE], "done", key)
    up = server.address(server.files / "up.bin")
    yield Case("send", "mine.bin", up, [PASSPHRASE], "done", key, "send")
    wrong = canary("passphrase")
    bad = {**key, "passphrase": wrong}
    yield Case("wrong", address, "b/", [wrong], "waiting", bad)
    yield Case("send-wrong", "mine.bin", up + "2", [wrong], "waiting", bad, "send")
    secret = canary("sftp")
    options = {"key_file": str(server.other)}
    yield Case("password", userinfo(address, secret), "c/", [secret], "waiting", options)


def rclone_cases(port: int, password: str, web: ChaosServer) -> Iterator[Case]:
    def remote(url: str, secret: str) -> dict[str, Any]:
        options = json.dumps({"url": url, "user": "me", "vendor": "other"})
        secrets = json.dumps({"pass": secret})
        return {"remote_type": "webdav", "remote_options": options, "remote_secrets": secrets}

    here = f"http://127.0.0.1:{port}"
    good, wrong = remote(here, password), canary("rclone")
    yield Case("good", "rclone://mine/f.bin", "a/", [password], "done", good)
    yield Case("send", "mine.bin", "rclone://mine/up.bin", [password], "done", good, "send")
    bad = remote(here, wrong)
    yield Case("wrong", "rclone://mine/f.bin", "b/", [wrong], "waiting", bad)
    yield Case("send-wrong", "mine.bin", "rclone://mine/w.bin", [wrong], "waiting", bad, "send")
    echo = canary("rclone-echo")
    options = remote(f"{web.url}/forbidding", echo)
    yield Case("echo", "rclone://mine/f.bin", "c/", [echo], "", options)


# ---- the watch ----------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("NETRC", "/nonexistent")
    monkeypatch.setenv("RCLONE_CONFIG", str(home / "none.conf"))
    for name in ("SSH_AUTH_SOCK", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture
def run(ask, jp_serverapp, transfer_app, jp_root_dir, tmp_path, caplog, capfd):
    """Runs jobs and tells where their secrets were seen."""
    caplog.set_level(logging.DEBUG)
    (jp_root_dir / "mine.bin").write_bytes(DATA)

    async def run(cases: list[Case], *, needs_environment: tuple[str, ...] = ()) -> None:
        with watching() as watch:
            ended = await run_all(cases, watch)
        for case in cases:
            if case.ends:
                assert ended[case.name]["state"] == case.ends, (case.name, ended[case.name])
            else:
                assert ended[case.name]["state"] != "done", (case.name, ended[case.name])
        watch.see_files(tmp_path / "state")
        watch.see_files(Path(jp_root_dir))
        watch.see("log", caplog.text)
        watch.see("standard streams", "".join(capfd.readouterr()))
        watch.see("environments", "\n".join(watch.environments) if not needs_environment else "")
        secrets = [secret for case in cases for secret in case.secrets]
        assert watch.found(secrets) == []

    async def run_all(cases: list[Case], watch) -> dict[str, dict[str, Any]]:
        async def tell(*path: str, **options: Any) -> Any:
            response = await ask(*path, **options)
            text = response.body.decode()
            watch.see("answers", f"{text}\n{response.headers}")
            is_lines = path[-1] == "report"
            return json.loads(text) if text.startswith("{") and not is_lines else text

        async def listener(logger, schema_id, data) -> None:
            watch.see("events", json.dumps(data))

        jp_serverapp.event_logger.add_listener(schema_id=SCHEMA_ID, listener=listener)
        ids = {}
        for case in cases:
            url = case.source if "://" in case.source else case.destination
            if case.kind in ("fetch", "send") and case.name.endswith(
                ("good", "refusing", "wrong", "echo")
            ):
                look = {"url": url, "options": case.options}
                await tell("probe", method="POST", json=look)
            body = {
                "kind": case.kind,
                "source": case.source,
                "destination": case.destination,
                "options": {**case.options, "max_retries": 0},
            }
            if case.kind == "fetch" and not case.destination:
                body["destination"] = f"{case.name}/"
            job = await tell("jobs", method="POST", json=body)
            assert "id" in job, (case.name, job)
            ids[case.name] = job["id"]

        async def settled() -> dict[str, Any] | None:
            jobs = (await tell("jobs", params={"limit": "1000"}))["jobs"]
            rest = [j for j in jobs if j["state"] in ("queued", "running") and not j["reason"]]
            rest += [j for j in jobs if j["state"] == "running"]
            return None if rest else {job["id"]: job for job in jobs}

        jobs = await until(settled, 150)
        for id in ids.values():
            await tell("jobs", id, "files")
            await tell("jobs", id, "report")
        ended = {name: jobs[id] for name, id in ids.items()}
        for name, id in ids.items():
            if ended[name]["state"] in ("queued", "waiting"):
                await tell("jobs", id, method="PATCH", json={"action": "cancel"})
        return ended

    return run


@pytest.mark.parametrize("cases_of", [web_fetches, web_sends])
async def test_web_addresses(run, web, elsewhere, home, cases_of):
    cases = list(cases_of(web))
    before = len(elsewhere.requests)
    await run(cases)
    seen = " ".join(f"{r.path} {r.headers}" for r in elsewhere.requests[before:])
    assert bool(seen) is (cases_of is web_fetches)  # some redirects are followed
    assert [s for case in cases for s in case.secrets if s.partition('"')[0] in seen] == []


async def test_s3(run, web, home, monkeypatch, tmp_path):
    (tmp_path / "s3").mkdir()
    with running_rclone(tmp_path / "s3") as s3:
        s3.client().create_bucket(Bucket="canary")
        s3.client().put_object(Bucket="canary", Key="f.bin", Body=DATA)
        # The variable that is named by a reference is in every environment.
        cases = list(s3_cases(s3, web, monkeypatch))
        await run(cases, needs_environment=("CANARY_S3_SECRET",))


async def test_ftp(run, home, tmp_path):
    (tmp_path / "ftp").mkdir()
    with running_ftp(tmp_path / "ftp") as server, running_ftp_lines() as lines:
        (server.files / "f.bin").write_bytes(DATA)
        await run(list(ftp_cases(server, lines, home)))


async def test_sftp(run, home, tmp_path):
    (tmp_path / "sshd").mkdir()
    with running_sshd(tmp_path / "sshd") as server:
        await run(list(sftp_cases(server, home)))


async def test_rclone(run, web, home, tmp_path):
    folder, password = tmp_path / "dav", canary("rclone")
    folder.mkdir()
    (folder / "f.bin").write_bytes(DATA)
    with served("webdav", folder, "--user", "me", "--pass", password) as port:
        # Its own remote is told to it by its environment, in its own form.
        await run(list(rclone_cases(port, password, web)))


def git_cases(server: Any, other: Any, home: Path) -> Iterator[Case]:
    repository = server.repository("canaries")
    repository.use_lfs("*.bin")
    repository.commit({"f.bin": DATA, "a.txt": b"a"})
    server.user, server.password = "me", (secret := canary("git").replace("'", ""))
    (home / "git-token").write_text(secret)
    (home / "git-token").chmod(0o600)
    address = repository.address
    yield Case("userinfo-good", userinfo(address, secret), "", [secret], "done")
    yield Case("web-good", userinfo(repository.url, secret), "", [secret], "done")
    login = {"username": "me", "token": secret}
    yield Case("token-good", address, "", [secret], "done", login)
    by_name = {"username": "me", "token": "file:~/git-token"}
    yield Case("by-name-good", f"{address}@main", "", [secret], "done", by_name)
    password = {"username": "me", "password": secret}
    yield Case("password", address, "d/", [secret], "done", password)
    wrong = canary("git-wrong")
    yield Case("wrong", userinfo(address, wrong), "", [wrong], "waiting")
    alone = f"canary-alone-{uuid.uuid4().hex}"
    yield Case("alone-wrong", address.replace("://", f"://{alone}@"), "", [alone], "waiting")
    private = other.repository("private")
    moved = canary("git-moved")
    options = {"username": "me", "token": moved}
    server.faults = moved_to(f"{other.url}/private.git")
    yield Case("moved", f"git+{server.url}/moved.git", "m/", [moved], "", options)
    assert private


def moved_to(url: str) -> Callable[[Any], bool]:
    """A fault of a git server: what asks for ``moved.git`` is sent to `url`."""

    def fault(handler: Any) -> bool:
        if not handler.path.startswith("/moved.git"):
            return False
        handler.reply(302, b"", {"Location": url + handler.path.removeprefix("/moved.git")})
        return True

    return fault


async def test_git(run, home, tmp_path):
    with running_git(tmp_path / "git") as server, running_git(tmp_path / "other") as other:
        cases = list(git_cases(server, other, home))
        await run(cases)
        assert server.asked("batch")
        assert other.requests
        shown = " ".join(f"{one.path} {one.headers}" for one in other.requests)
        assert [s for case in cases for s in case.secrets if s.partition('"')[0] in shown] == []
        assert "authorization" not in shown


def between_cases(s3: Any, web: ChaosServer, ftp: Any) -> Iterator[Case]:
    """Copies and synchronisations: secrets of both ends."""
    from urllib.parse import quote

    there = {"endpoint": s3.url, "access_key_id": KEY, "secret_access_key": SECRET}
    mine, signature = canary("copy-from"), canary("copy-signature")
    source = userinfo(f"{web.url}/good/f.bin", mine)
    yield Case("copy", source, "s3://canary/copied.bin", [mine, SECRET], "done", there, "copy")
    signed = f"{web.url}/good/f.bin?X-Amz-Signature={quote(signature, safe='')}"
    yield Case("signed", signed, "s3://canary/signed.bin", [signature], "done", there, "copy")
    wrong = canary("copy-to")
    bad = {**there, "secret_access_key": wrong}
    yield Case("copy-wrong", source, "s3://canary/w.bin", [wrong], "waiting", bad, "copy")
    where = userinfo(ftp.address("copied.bin"), PASSWORD, USER)
    yield Case("to-ftp", "s3://canary/f.bin", where, [PASSWORD, SECRET], "done", there, "copy")
    secret = canary("copy-echo")
    echo = userinfo(f"{web.url}/forbidding/f.bin", secret)
    yield Case("to-echo", source, echo, [secret, mine], "", {"webdav": "no"}, "copy")
    signature = canary("copy-put")
    put = f"{web.url}/store/8.bin?X-Amz-Signature={quote(signature, safe='')}"
    options = {**there, "webdav": "no"}
    yield Case("to-signed", "s3://canary/f.bin", put, [signature, SECRET], "done", options, "copy")
    login = {"username": USER, "password": PASSWORD}
    yield Case("sync", ftp.address("tree/"), "synced", [PASSWORD], "done", login, "sync")
    yield Case("sync-up", "mine", "s3://canary/up/", [SECRET], "done", there, "sync")
    wrong = canary("sync")
    bad = {"username": USER, "password": wrong}
    yield Case("sync-wrong", ftp.address("tree/"), "w", [wrong], "waiting", bad, "sync")
    failing = {**there, "secret_access_key": canary("sync-up")}
    secrets = [failing["secret_access_key"]]
    yield Case("sync-up-wrong", "mine", "s3://canary/no/", secrets, "waiting", failing, "sync")


async def test_copies_and_synchronisations(run, web, home, tmp_path, jp_root_dir):
    for name in ("s3", "ftp"):
        (tmp_path / name).mkdir()
    (jp_root_dir / "mine").mkdir()
    (jp_root_dir / "mine" / "a.bin").write_bytes(DATA)
    with running_rclone(tmp_path / "s3") as s3, running_ftp(tmp_path / "ftp") as ftp:
        s3.client().create_bucket(Bucket="canary")
        s3.client().put_object(Bucket="canary", Key="f.bin", Body=DATA)
        (ftp.files / "tree").mkdir()
        (ftp.files / "tree" / "f.bin").write_bytes(DATA)
        await run(list(between_cases(s3, web, ftp)))


async def test_proxies(run, web, home, monkeypatch):
    """The password of a proxy stands in the environment, and goes to the proxy only."""
    secret = canary("proxy")
    with running_proxy(refuse=True) as proxy:
        address = userinfo(f"http://{proxy.address}", secret)
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, address)
        monkeypatch.setenv("no_proxy", "localhost")
        secure = web.url.replace("http:", "https:")
        remote = json.dumps({"url": "https://dav.example", "vendor": "other"})
        options = {"remote_type": "webdav", "remote_options": remote}
        cases = [
            Case("https", f"{secure}/good/f.bin", "a/", [secret], ""),
            Case("send", "mine.bin", f"{secure}/f", [secret], "", {}, "send"),
            Case("rclone", "rclone://mine/f.bin", "b/", [secret], "", options),
        ]
        await run(cases, needs_environment=("http_proxy", "https_proxy"))
        assert proxy.credentials


REFUSED = "169.254.169.254"


@pytest.mark.parametrize(
    ("address", "options"),
    [
        (f"http://me:CANARY@{REFUSED}/x", {}),
        (f"http://{REFUSED}/x?token=CANARY", {}),
        (f"http://{REFUSED}/x", {"token": "CANARY"}),
        ("http://[::1/x?token=CANARY", {}),
        ("gopher://me:CANARY@h/", {}),
        ("http://me:CANARY@h:0/", {}),
        ("https://h/?token=CANARY", {"headers": "X: CANARY\nnonsense"}),
        ("https://h/", {"headers": "Range: CANARY"}),
        ("https://h/", {"token": ["CANARY"]}),
        ("https://h/", {"nothing": "CANARY"}),
        (f"ftp://me:CANARY@{REFUSED}/x", {}),
        ("s3://b-b/k", {"endpoint": f"http://{REFUSED}", "secret_access_key": "CANARY"}),
        ("s3://b-b/k", {"sse_customer_key": "CANARY"}),
        ("rclone://me:CANARY@mine/f", {}),
        ("rclone://mine/f", {"remote_type": "webdav", "remote_secrets": '{"pass": "CANARY"'}),
        ("rclone://mine/f", {"remote_type": "webdav", "remote_options": '{"pass": "CANARY"}'}),
    ],
)
async def test_what_is_refused_at_once_is_not_repeated(ask, home, address, options, caplog):
    secret = "canary-5b1d77f0"
    options = json.loads(json.dumps(options).replace("CANARY", secret))
    address = address.replace("CANARY", secret)
    caplog.set_level(logging.DEBUG)
    for path, body in [
        ("jobs", {"source": address, "destination": "", "options": options}),
        ("jobs", {"kind": "send", "source": "x", "destination": address, "options": options}),
        ("probe", {"url": address, "options": options}),
        ("browse", {"url": address, "options": options}),
    ]:
        response = await ask(path, method="POST", json=body)
        assert response.code >= 400, body
        assert secret not in response.body.decode() + str(response.headers)
    assert secret not in caplog.text
    assert json.loads((await ask("jobs")).body)["total"] == 0
