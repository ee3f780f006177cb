"""Every command of the page of recipes, typed against real servers as it stands there but for the
names of hosts; and both languages have the same commands."""

from __future__ import annotations

import os
import re
import shlex
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from jupyter_transfer.cli.main import main

from ..servers import s3
from ..servers.git import Repository, git, running_git
from ..servers.huggingface import TOKEN as HUB_TOKEN
from ..servers.huggingface import Hub, running_hub
from ..servers.modelscope import TOKEN as SCOPE_TOKEN
from ..servers.modelscope import ModelScope, running_modelscope
from ..servers.nginx import running_nginx
from ..servers.rclone import write_config
from ..servers.sshd import Sshd, make_key, running_sshd
from ..servers.webdav import running_webdav

DOCS = Path(__file__).parents[2] / "docs"
LANGUAGES = ("recipes.md", "recipes.zh-CN.md")

CSV = b"plot,height\n1,20\n"
PASSWORD, TOKEN = "a-password-of-the-recipes", "a-token-of-the-recipes"

Tree = dict[str, bytes]

Check = Callable[["World", Path, Path, str], None]

IMAGES: Tree = {"1.png": b"one", "more/2.png": b"two", "more/about.txt": b"about"}
PREFIX: Tree = {"a.parquet": b"a", "sub/b.csv": b"b"}
MODEL: Tree = {"config.json": b"{}", "model.safetensors": b"weights" * 500, "README.md": b"# it"}
DATA: Tree = {"train.csv": b"x,y\n"}
RESULTS: Tree = {"results/one.txt": b"1", "results/deep/two.txt": b"22", "results.csv": CSV}
TOOLS: Tree = {"tool.py": b"print()\n"}
CUBE = """\
apiVersion: tensorstack.dev/v1beta1
kind: DataCube
metadata: {name: demo}
spec:
  source:
    type: s3
    options:
      - {name: s3-endpoint, valueFrom: {secretKeyRef: {name: s3-env, key: endpoint}}}
      - {name: s3-access-key-id, valueFrom: {secretKeyRef: {name: s3-env, key: accessKeyID}}}
      - name: s3-secret-access-key
        valueFrom: {secretKeyRef: {name: s3-env, key: secretAccessKey}}
      - {name: s3-uri, value: "s3://bucket/prefix/"}
  sink: {type: pvc, pvc: {name: demo, subPath: set}}
"""


def commands(page: str) -> list[str]:
    """The commands in the right columns of the tables."""
    rows = [line.strip().strip("|").split(" | ") for line in page.splitlines() if line[:1] == "|"]
    last = [row[-1] for row in rows]
    return [code for cell in last for code in re.findall(r"`(jupyter transfer [^`]+)`", cell)]


PAGES = [(DOCS / name).read_text("utf-8") for name in LANGUAGES]
COMMANDS = list(dict.fromkeys(commands(PAGES[0])))


def below(folder: Path, tree: Tree) -> Tree:
    return {f"{folder}/{name}": data for name, data in tree.items()}


def read(folder: Path) -> Tree:
    found: Tree = {}
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in (".git", ".jupyter-transfer")]
        for path in (Path(parent, name) for name in names):
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found


def write(folder: Path, tree: Tree) -> None:
    for name, data in tree.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@dataclass
class World:
    """All servers that the recipes name, and what lies there."""

    work: Path
    web: Path
    dav: Path
    buckets: s3.S3Server
    ssh: Sshd
    hub: Hub
    scope: ModelScope
    tools: Repository
    hosts: dict[str, str] = field(default_factory=dict)

    @property
    def nas(self) -> Path:
        """What the remote ``nas`` of rclone shows."""
        return self.work / "nas"

    def bucket(self, name: str = "bucket") -> Tree:
        client, found = self.buckets.client(), {}
        for item in client.list_objects_v2(Bucket=name).get("Contents", []):
            body = client.get_object(Bucket=name, Key=item["Key"])["Body"]
            found[item["Key"]] = body.read()
        return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    work = tmp_path_factory.mktemp("world")
    for name in ("nginx", "s3", "ssh", "git", "dav"):
        (work / name).mkdir()
    with ExitStack() as stack:
        nginx = stack.enter_context(running_nginx(work / "nginx"))
        dav = stack.enter_context(running_webdav(work / "dav/files", user="me", password=PASSWORD))
        buckets = stack.enter_context(s3.running_rclone(work / "s3"))
        ssh = stack.enter_context(running_sshd(work / "ssh"))
        hub = stack.enter_context(running_hub())
        scope = stack.enter_context(running_modelscope())
        server = stack.enter_context(running_git(work / "git"))
        tools = server.repository("tools")
        made = World(work, nginx.files, dav.files, buckets, ssh, hub, scope, tools)
        made.hosts = {
            "https://data.example.org": f"{nginx.url}/listed",
            "https://dav.example.org": dav.url,
            "https://s3.example.org": buckets.url,
            "sftp://me@host.example.org/srv": ssh.address(ssh.files),
            "https://git.example.org": server.url,
        }
        fill(made)
        yield made


def fill(world: World) -> None:
    """Put there what the recipes fetch."""
    write(world.web, {"set.csv": CSV, **below(Path("images"), IMAGES)})
    write(world.nas, below(Path("photos"), IMAGES))
    write(world.ssh.files, {"set.csv": CSV, **below(Path("images"), IMAGES)})
    client = world.buckets.client()
    for bucket in ("bucket", "other"):
        client.create_bucket(Bucket=bucket)
    for key, data in {"key.csv": CSV, **below(Path("prefix"), PREFIX)}.items():
        client.put_object(Bucket="bucket", Key=key, Body=data)
    for hub in (world.hub, world.scope):
        branch = {"revision": "master"} if hub is world.scope else {}
        hub.repo("owner/name").commit(MODEL, **branch)
        hub.repo("owner/results", members={"me"}).commit({"README.md": b"# it"}, **branch)
        hub.repo("owner/data", "datasets").commit(DATA, **branch)
    data = world.hub.repos["datasets", "owner/data"]
    data.refs["v1"] = data.refs["main"]
    world.tools.commit(dict(TOOLS))
    git(world.tools.work, "tag", "v1")
    world.tools.push("v1")
    # OpenSSH lets in whoever has this key.
    make_key(world.work / "id_ed25519")
    with (world.ssh.work / "authorized").open("a") as keys:
        keys.write((world.work / "id_ed25519.pub").read_text())


@pytest.fixture
def home(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's home, with the logins that the recipes count on."""
    home = tmp_path / "home"
    write(home, {".ssh/id_ed25519": (world.work / "id_ed25519").read_bytes()})
    (home / ".ssh/id_ed25519").chmod(0o600)
    (home / ".ssh/known_hosts").write_text(world.ssh.known_host())
    config = home / ".config/rclone/rclone.conf"
    config.parent.mkdir(parents=True)
    write_config(config, nas={"type": "alias", "remote": str(world.nas)})
    for name in ("NO_PROXY", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "HF_HUB_CACHE", "SSH_AUTH_SOCK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "HOME": str(home),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "AWS_ACCESS_KEY_ID": s3.KEY,
        "AWS_SECRET_ACCESS_KEY": s3.SECRET,
        "AWS_ENDPOINT_URL": world.buckets.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "HF_ENDPOINT": world.hub.url,
        "HF_HOME": str(home / "hf"),
        "HF_TOKEN": HUB_TOKEN,
        "MODELSCOPE_ENDPOINT": world.scope.url,
        "MODELSCOPE_API_TOKEN": SCOPE_TOKEN,
        "MODELSCOPE_CACHE": str(home / "modelscope"),
        "TOKEN": TOKEN,
        "DAV_PASSWORD": PASSWORD,
    }.items():
        monkeypatch.setenv(name, value)
    return home


@pytest.fixture
def here(world: World, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with what the recipes send and extract."""
    here = tmp_path / "here"
    write(here, RESULTS)
    with zipfile.ZipFile(here / "set.zip", "w") as archive:
        archive.writestr("set.csv", CSV)
    (here / "datacube.yaml").write_text(CUBE)
    (here / "token.txt").write_text(HUB_TOKEN)
    (here / "data").mkdir()
    secrets = {"endpoint": world.buckets.url, "accessKeyID": s3.KEY, "secretAccessKey": s3.SECRET}
    write(here, {f"secrets/s3-env/{key}": value.encode() for key, value in secrets.items()})
    monkeypatch.chdir(here)
    return here


def typed(world: World, command: str) -> Result:
    """Type `command`, with the hosts of this world."""
    for name, host in world.hosts.items():
        command = command.replace(name, host)
    arguments = shlex.split(command)[2:]
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


GET: dict[str, Tree] = {
    "get https://data.example.org/set.csv": {"set.csv": CSV},
    "get https://data.example.org/set.csv raw/set.csv": {"raw/set.csv": CSV},
    "get https://data.example.org/images/": below(Path("images"), IMAGES),
    "get https://data.example.org/images/ --include '*.png'": below(
        Path("images"), {n: d for n, d in IMAGES.items() if n.endswith("png")}
    ),
    "get s3://bucket/key.csv": {"key.csv": CSV},
    "get s3://bucket/prefix/ data": below(Path("data"), PREFIX),
    "get s3://bucket/prefix/ data --include '*.parquet'": {"data/a.parquet": b"a"},
    "sync s3://bucket/prefix data --yes": below(Path("data"), PREFIX),
    "get rclone://nas/photos photos": below(Path("photos"), IMAGES),
    "sync rclone://nas/photos photos --yes": below(Path("photos"), IMAGES),
    "get sftp://me@host.example.org/srv/set.csv": {"set.csv": CSV},
    "sync sftp://me@host.example.org/srv/images images --yes": below(Path("images"), IMAGES),
    "get hf://owner/name": below(Path("name"), MODEL),
    "get hf://owner/name/config.json": {"config.json": b"{}"},
    "get hf://owner/name --include '*.safetensors'": below(
        Path("name"), {"model.safetensors": MODEL["model.safetensors"]}
    ),
    "get hf://datasets/owner/data@v1 data": below(Path("data"), DATA),
    "get modelscope://owner/name": below(Path("name"), MODEL),
    "get modelscope://datasets/owner/data data": below(Path("data"), DATA),
    "get git+https://git.example.org/tools.git": below(Path("tools"), TOOLS),
    "get git+https://git.example.org/tools.git@v1 --depth 1": below(Path("tools"), TOOLS),
    "apply -f datacube.yaml --map demo=data --secrets secrets": below(Path("data/set"), PREFIX),
    "extract set.zip set": {"set/set.csv": CSV},
}
"""What each command brings into the working folder; with one more option it does the same."""


def sent(where: Callable[[World], Tree], tree: Tree) -> Check:
    """A check that `tree` arrived."""

    def check(world: World, home: Path, here: Path, said: str) -> None:
        found = where(world)
        assert {name: found.get(name) for name in tree} == tree

    return check


def said(*words: str) -> Check:
    """A check that a command showed `words`."""

    def check(world: World, home: Path, here: Path, output: str) -> None:
        assert all(word in output for word in words), output

    return check


def of_hub(world: World) -> Tree:
    repo = world.hub.repos["models", "owner/results"]
    assert repo.messages[repo.refs["main"]] == "the results"
    return {name: blob.data for name, blob in repo.commits[repo.refs["main"]].items()}


def of_scope(world: World) -> Tree:
    repo = world.scope.repos["models", "owner/results"]
    return {name: blob.data for name, blob in repo.commits[repo.refs["master"]].items()}


def in_cache_of_hub(world: World, home: Path, here: Path, output: str) -> None:
    (snapshot,) = (home / "hf/hub/models--owner--name/snapshots").iterdir()
    assert read(snapshot).items() >= MODEL.items()


def in_cache_of_scope(world: World, home: Path, here: Path, output: str) -> None:
    (found,) = (path.parent for path in (home / "modelscope").rglob("config.json"))
    assert read(found).items() >= MODEL.items()


def logged_in(world: World, home: Path, here: Path, output: str) -> None:
    assert (home / "hf/token").read_text() == HUB_TOKEN
    assert HUB_TOKEN not in output


def zipped(world: World, home: Path, here: Path, output: str) -> None:
    with zipfile.ZipFile(here / "results.zip") as archive:
        files = [item for item in archive.infolist() if not item.is_dir()]
        assert {item.filename: archive.read(item) for item in files} == FOLDER


def tarred(world: World, home: Path, here: Path, output: str) -> None:
    with tarfile.open(here / "results.tar.gz") as archive:
        files = [member for member in archive if member.isfile()]
        assert {m.name: archive.extractfile(m).read() for m in files} == FOLDER  # type: ignore[union-attr]


SENT: Tree = {"one.txt": b"1", "deep/two.txt": b"22"}
FOLDER: Tree = {name: data for name, data in RESULTS.items() if "/" in name}

CHECKS: dict[str, Check] = {
    "put results.csv https://dav.example.org/results.csv --username me "
    "--password env:DAV_PASSWORD": sent(lambda world: read(world.dav), {"results.csv": CSV}),
    "put results.csv s3://bucket/results.csv": sent(World.bucket, {"results.csv": CSV}),
    "put results s3://bucket/results": sent(World.bucket, FOLDER),
    "sync results s3://bucket/results --yes": sent(World.bucket, FOLDER),
    "cp s3://bucket/key.csv s3://other/key.csv": sent(
        lambda world: world.bucket("other"), {"key.csv": CSV}
    ),
    "ls s3://bucket/prefix/": said("a.parquet", "sub"),
    "ls rclone://nas/": said("photos"),
    "put results rclone://nas/results": sent(lambda world: read(world.nas), FOLDER),
    "put results sftp://me@host.example.org/srv/results": sent(
        lambda world: read(world.ssh.files), FOLDER
    ),
    "get hf://owner/name --target cache": in_cache_of_hub,
    "put results hf://owner/results --commit-message 'the results'": sent(of_hub, SENT),
    "login huggingface --token-file token.txt": logged_in,
    "get modelscope://owner/name --target cache": in_cache_of_scope,
    "put results modelscope://owner/results": sent(
        of_scope, {"one.txt": b"1", "deep/two.txt": b"22"}
    ),
    "archive results -o results.zip": zipped,
    "archive results -o results.tar.gz": tarred,
}


def test_a_push(world, home, here):
    """What is committed in a clone that a recipe has made goes back by another."""
    clone, push = (
        "jupyter transfer get git+https://git.example.org/tools.git",
        "jupyter transfer put tools git+https://git.example.org/tools.git",
    )
    assert {clone, push} <= set(COMMANDS)
    assert typed(world, clone).exit_code == 0
    (here / "tools/new.py").write_text("new()\n")
    git(here / "tools", "add", "new.py")
    git(here / "tools", "commit", "-q", "-m", "new")
    done = typed(world, push)
    assert done.exit_code == 0, done.output
    assert git(world.tools.bare, "show", "main:new.py") == "new()"
    world.tools.push("HEAD")  # as it was, for the other tests


def test_both_languages_have_the_same_commands():
    assert commands(PAGES[0]) == commands(PAGES[1])
    assert len(COMMANDS) > 40


@pytest.mark.parametrize("command", [c for c in COMMANDS if " put tools " not in c])
def test_what_a_recipe_does(command, world, home, here):
    command_line = command.removeprefix("jupyter transfer ")
    before = read(here)
    done = typed(world, command)
    assert done.exit_code == 0, done.output
    came = {name: data for name, data in read(here).items() if before.get(name) != data}
    for beginning, tree in sorted(GET.items(), key=lambda item: -len(item[0])):
        if command_line.startswith(beginning) and "--target cache" not in command_line:
            assert came == tree
            return
    CHECKS[command_line.replace('"', "'")](world, home, here, done.output)
