"""The magics in a kernel that goes on: what cells show, interrupts, many addresses, completion, and
a kernel whose folders no server knows."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jupyter_transfer.cells.bundle import JOB, JOBS, UPLOAD

from .cli.conftest import nginx  # noqa: F401 - a fixture
from .servers.chaos import noise
from .servers.jupyter import TOKEN, JupyterServer, running_jupyter
from .servers.kernel import Kernel, running_kernel
from .servers.nginx import Nginx

CANARY = "canary-5f1d"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    with running_jupyter(tmp_path_factory.mktemp("jupyter")) as running:
        yield running


@pytest.fixture(scope="module")
def kernel(server: JupyterServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """In a folder of the server."""
    home = tmp_path_factory.mktemp("home")
    (server.root / "work" / "sub").mkdir(parents=True)
    with running_kernel(
        server.root / "work",
        HOME=str(home),
        JUPYTER_RUNTIME_DIR=str(server.work / "runtime"),
        JUPYTER_DATA_DIR=str(home / "data"),
    ) as running:
        yield running


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kernel, Path]]:
    """With a home and a folder that no server knows, as one of a gateway on another machine."""
    home = tmp_path_factory.mktemp("elsewhere")
    with running_kernel(home, HOME=str(home), JUPYTER_RUNTIME_DIR=str(home / "runtime")) as running:
        yield running, home


@pytest.fixture
def source(nginx: Nginx) -> Callable[[str, bytes], str]:  # noqa: F811
    """Puts a file on a web server; its address there."""

    def put(name: str, data: bytes, place: str = "") -> str:
        (nginx.files / name).write_bytes(data)
        os.utime(nginx.files / name, (1_700_000_000, 1_700_000_000))
        return f"{nginx.url}{place}/{name}"

    return put


def test_a_line_shows_one_output_and_others_show_it_again(kernel, source):
    line = f"%transfer get {source('once.bin', b'content')}"
    cell = kernel.run(line)
    (data,) = cell.data(JOB)
    assert len(cell.outputs) == 1
    assert (data["where"], data["job"]["state"]) == ("server", "done")
    assert "owner" not in data["job"]
    (again,) = kernel.run("_").data(JOB)
    assert again["job"]["id"] == data["job"]["id"]
    kernel.run(f"job = {line}")
    told = kernel.run("report = job.report()\nprint(report['state'], report['files'][0]['path'])")
    assert told.text == "done work/once.bin\n"


def test_an_interrupt_pauses_and_tells_how_to_go_on(kernel, server, source):
    address = source("long.bin", noise(6 << 20), "/slow")
    id = kernel.begin(f"job = %transfer get {address}\nprint('never')")
    shown = kernel.shows(id, JOB)
    kernel.interrupt()
    cell = kernel.end(id)
    assert cell.error == "Interrupted"
    assert "paused at" in cell.text
    assert "Traceback" not in cell.text
    assert "never" not in cell.text
    job = shown["job"]["id"]
    assert server.ask(f"jobs/{job}")[1]["state"] == "paused"
    assert f"%transfer resume {job[:8]}" in cell.text
    kernel.run(f"%transfer resume {job[:8]}")
    assert ended(server, job) == "done"
    assert (server.root / "work" / "long.bin").read_bytes() == noise(6 << 20)


def test_a_job_is_paused_resumed_awaited_and_cancelled(kernel, server, source):
    address = source("acts.bin", noise(3 << 20), "/slow")
    begun = f"job = %transfer get --bg {address}\nprint(job.pause().wait().state)"
    assert "\npaused\n" in f"\n{kernel.run(begun).text}\n"
    assert kernel.run("job.resume()\nawait job\nprint(job.state)").text == "done\n"
    other = source("stopped.bin", noise(6 << 20), "/slow")
    begun = f"job = %transfer get --bg {other}\nprint(job.cancel().wait().state)"
    assert "\ncancelled\n" in f"\n{kernel.run(begun).text}\n"
    assert not (server.root / "work" / "stopped.bin").exists()
    assert not [name for name in os.listdir(server.root / "work") if "part" in name]


def test_many_addresses_of_one_cell(kernel, server, source):
    first, second = source("m1.bin", b"one"), source("m2.bin", b"second")
    cell = kernel.run(
        f"first, where = '{first}', 'a folder/'\n"
        "ipython = get_ipython()\n"
        f"lines = '# two\\n{{first}} {{where}}\\n\\n{second}  sub/  # the other\\n'\n"
        "jobs = ipython.run_cell_magic('transfer', '', lines)"
    )
    assert len(cell.data(JOB)) == 2, cell.text
    told = kernel.run("jobs.wait(30)\nprint(jobs.state, jobs.path, jobs.progress['bytes_done'])")
    assert told.text == "done ['work/a folder/m1.bin', 'work/sub/m2.bin'] 9\n"
    assert (server.root / "work" / "a folder" / "m1.bin").read_bytes() == b"one"
    assert (server.root / "work" / "sub" / "m2.bin").read_bytes() == b"second"
    assert not kernel.run("jobs").data("text/plain")[0].startswith("<")


def test_nothing_begins_when_a_line_is_wrong(kernel, server, source):
    right = source("right.bin", b"right")
    for wrong in ("no-address", "ftp://", f"{right} --frob", "'open"):
        cell = kernel.run(f"%%transfer\n{right} wrong/\n{wrong}")
        assert "ine 2" in cell.text, wrong
        assert cell.data(JOB) == []
        assert cell.error is None
    assert not (server.root / "work" / "wrong").exists()


def test_a_cell_of_yaml(kernel, server, source):
    address = source("yaml.bin", b"described")
    cell = kernel.run(
        f"%%transfer\napiVersion: jupyter-transfer/v1\nkind: Transfer\n"
        f"spec:\n  kind: fetch\n  source: {address}\n  destination: by/{{folder}}/\n"
    )
    assert "no variable “folder”" in cell.text
    kernel.run("folder = 'yaml: x'")
    cell = kernel.run(
        f"%%transfer\napiVersion: jupyter-transfer/v1\nkind: Transfer\n"
        f"spec:\n  kind: fetch\n  source: {address}\n  destination: by/{{folder}}/\n"
    )
    assert cell.data(JOB)[0]["job"]["state"] == "done", cell.text
    assert (server.root / "work" / "by" / "yaml: x" / "yaml.bin").read_bytes() == b"described"


def test_a_place_to_drop_files(kernel):
    assert kernel.run("%upload").data(UPLOAD) == [{"version": 1, "folder": "work"}]
    (cell,) = kernel.run("%upload 'sub/new one'").data(UPLOAD)
    assert cell["folder"] == "work/sub/new one"
    assert kernel.run("%upload ..").data(UPLOAD)[0]["folder"] == ""
    outside = kernel.run("%upload /etc")
    assert "does not lie below the root folder" in outside.text
    assert outside.data(UPLOAD) == []


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("%transfer resu", "%transfer resume"),
        ("job = %transfer get s3", "job = %transfer get s3://"),
        ("%transfer get https://h/x su", "%transfer get https://h/x sub/"),
        ("x = 1\n%transfer put --incl", "x = 1\n%transfer put --include"),
        ("%transfer put su", "%transfer put sub/"),
        ("%%transfer\nhttps://h/x su", "%%transfer\nhttps://h/x sub/"),
        ("%%transfer --b", "%%transfer --bg"),
    ],
)
def test_the_tab_key(kernel, typed, offered):
    found = kernel.complete(typed)
    assert offered in found
    assert len(found) < 5


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("%transfer", "Usage"),
        ("%transfer get", "Missing argument"),
        ("%transfer frobnicate", "No such command"),
        ("%transfer get 'http://", "quotation mark"),
        ("%transfer get http://127.0.0.1:1/x --token very-secret", "can be read by everybody"),
        ("%download", "Name a file"),
        ("%download /etc/passwd", "does not serve"),
        ("%transfer backends s3", "--endpoint"),
    ],
)
def test_a_line_that_only_tells(kernel, line, told):
    cell = kernel.run(line)
    assert told in cell.text
    assert "Traceback" not in cell.text


@pytest.mark.parametrize(
    "line",
    [
        "%transfer get 'x",
        "%upload 'sub",
        "%download 'sub",
        "%%transfer --to 'x\nhttp://127.0.0.1:1/x",
    ],
)
def test_nothing_begins_while_a_quotation_mark_is_missing(kernel, line):
    cell = kernel.run(line)
    assert cell.text.strip() == "Error: A quotation mark is missing."
    assert not cell.data(JOB)
    assert not cell.data(UPLOAD)


def test_a_kernel_elsewhere_says_so_and_does_it_itself(elsewhere, source):
    kernel, folder = elsewhere
    address = source("else.bin", b"content")
    cell = kernel.run(f"job = %transfer get {address}")
    assert "No Jupyter server of yours runs on " in cell.text
    assert "--server URL" in cell.text
    assert cell.data(JOB)[0]["where"] == "kernel"
    assert (folder / "else.bin").read_bytes() == b"content"
    assert "No Jupyter server" not in kernel.run(f"%transfer get {address} --local").text
    assert "drop them on the panel" in kernel.run("%upload").text
    assert "No Jupyter server" in kernel.run("%transfers").text


def test_an_interrupted_kernel_elsewhere_goes_on(elsewhere, source):
    kernel, folder = elsewhere
    line = f"job = %transfer get --local {source('again.bin', noise(6 << 20), '/slow')}"
    id = kernel.begin(line)
    kernel.shows(id, JOB)
    time.sleep(0.5)
    kernel.interrupt()
    cell = kernel.end(id)
    assert (cell.error, "run this cell again" in cell.text) == ("Interrupted", True)
    again = kernel.run(line)
    assert again.data(JOB)[0]["job"]["state"] == "done", again.text
    assert (folder / "again.bin").read_bytes() == noise(6 << 20)
    address = source("off.bin", noise(6 << 20), "/slow")
    cell = kernel.run(
        f"job = %transfer get --local --bg {address}\n"
        "states = [job.pause().wait().state]\n"
        "job.resume()\njob.pause()\nstates += [job.wait().state, job.cancel().state]"
    )
    assert cell.error is None, cell.text
    assert kernel.run("print(*states)").text == "paused paused cancelled\n"
    assert [name for name in os.listdir(folder) if "off" in name] == []


def test_the_jobs_of_the_server(kernel, server, source):
    kernel.run(f"job = %transfer get {source('listed.bin', b'listed')}")
    (listed,) = kernel.run("%transfers").data(JOBS)
    newest = listed["jobs"][0]
    assert (newest["state"], newest["source"].rpartition("/")[2]) == ("done", "listed.bin")
    assert "owner" not in newest
    assert "options" not in newest
    kernel.run(f"job = %transfer get {source('second.bin', b'second')}")
    kernel.run("import jupyter_transfer.magics as module\nmost, module.MOST_JOBS = 100, 1")
    cell = kernel.run("%transfers done")
    kernel.run("module.MOST_JOBS = most")
    (listed,) = cell.data(JOBS)
    assert [job["source"].rpartition("/")[2] for job in listed["jobs"]] == ["second.bin"]
    assert listed["more"] >= 1
    assert f"and {listed['more']} more" in cell.data("text/plain")[0]


def test_the_buttons_of_a_job_of_the_kernel(elsewhere, source):
    kernel, folder = elsewhere
    address = source("button.bin", noise(6 << 20), "/slow")
    (begun,) = kernel.run(f"job = %transfer get --local --bg {address}").data(JOB)
    id = begun["job"]["id"]
    assert kernel.ask("jupyter_transfer", {"id": id}, {"action": "pause"}) == {"holds": True}
    waits = "import time\nwhile job.state != '{}': time.sleep(0.05)"
    kernel.run(waits.format("paused"))
    odd = ({"action": "forget"}, {"action": 7}, {"action": "pause"})
    assert kernel.ask("jupyter_transfer", {"id": id}, *odd) == {"holds": True}
    kernel.ask("jupyter_transfer", {"id": id}, {"action": "resume"})
    kernel.run(waits.format("running"))
    kernel.ask("jupyter_transfer", {"id": id}, {"action": "cancel"})
    kernel.run(waits.format("cancelled"))
    assert [name for name in os.listdir(folder) if "button" in name] == []
    for other in (id, "0" * 32, None):
        assert kernel.ask("jupyter_transfer", {"id": other}) == {"holds": False}


def test_no_token_in_outputs_history_tracebacks_and_reprs(kernel, server, source, nginx):  # noqa: F811
    kernel.run("%xmode Verbose")
    kernel.run(f"import os\nos.environ['SECRET'] = '{CANARY}'\nsecret = '{CANARY}'")
    address = source("secret.bin", b"content", "/private")
    with_user = address.replace("http://", "http://u:{secret}@")
    cells = [
        kernel.run(code)
        for code in (
            f"job = %transfer get {with_user}\njob.bundle()",
            f"job = %transfer get {nginx.url}/nothing?token={{secret}} x/",
            "job.wait()",
            "print(repr(job), job.data, job.report(), job.bundle())",
            f"%transfer get {address} --username u --password {{secret}}",
            "%transfer get http://u:{secret}@:x/",
            f"job = %transfer get --local {nginx.url}/nothing?token={{secret}} x/",
            "print(repr(job), job.data, job.report(), job.bundle())",
            f"%%transfer\n{with_user} more/\n{nginx.url}/nothing?sig={{secret}}",
            "%%transfer\nhttp://u:{secret}@:x/",
            "%transfers",
            "_.wait()",
            "from jupyter_transfer import Client\nclient = Client()\nclient",
            "print(client, client.server, vars(client.server).keys())\nclient.job('nothing')",
            "client.submit('fetch', 'nothing', 'x')",
        )
    ]
    assert cells[2].error == "TransferError", cells[1].text + cells[2].text
    assert cells[-1].error == "TransferError"
    for number, cell in enumerate(cells):
        for one in (str(cell.sent), cell.text):
            assert CANARY not in one, number
            assert TOKEN not in one, number
    assert TOKEN not in kernel.run("%history").text


def ended(server: JupyterServer, id: str) -> str:
    """The state in which a job comes to rest."""
    deadline = time.monotonic() + 30
    while (state := server.ask(f"jobs/{id}")[1]["state"]) in ("queued", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return str(state)
