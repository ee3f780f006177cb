"""DataCube files as jobs: what they say, what is refused, and back again."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from jupyter_transfer import datacube
from jupyter_transfer.errors import TransferError

FETCH_S3 = """
apiVersion: tensorstack.dev/v1beta1
kind: DataCube
metadata: {name: s3-down}
spec:
  source:
    type: s3
    options:
    - {name: s3-endpoint, valueFrom: {secretKeyRef: {name: s3-env, key: endpoint}}}
    - {name: s3-access-key-id, valueFrom: {secretKeyRef: {name: s3-env, key: accessKeyID}}}
    - {name: s3-secret-access-key, valueFrom: {secretKeyRef: {name: s3-env, key: secretAccessKey}}}
    - {name: s3-uri, value: "s3://bucket/folder/"}
  sink:
    type: pvc
    pvc: {name: demo, subPath: data/set}
"""
SECRETS = {
    ("secret", "s3-env", "endpoint"): "https://s3.example.org",
    ("secret", "s3-env", "accessKeyID"): "AKIA",
    ("secret", "s3-env", "secretAccessKey"): "very-secret",
    ("secret", "git", "token"): "git-token",
    ("configMap", "conf", "repo"): "owner/name",
}


def look_up(kind: str, name: str, key: str) -> str:
    return SECRETS[kind, name, key]


def changed(text: str = FETCH_S3, **paths: Any) -> str:
    """The file with the fields at `paths`, whose parts are joined by two underscores, set."""
    document = yaml.safe_load(text)
    for path, value in paths.items():
        *parents, last = path.split("__")
        inner = document
        for name in parents:
            inner = inner.setdefault(name, {})
        if value is None:
            inner.pop(last, None)
        else:
            inner[last] = value
    return yaml.safe_dump(document)


def side(type_: str, **options: Any) -> dict[str, Any]:
    return {
        "type": type_,
        "options": [{"name": n.replace("_", "-"), **v} for n, v in options.items()],
    }


def value(text: str) -> dict[str, str]:
    return {"value": text}


def secret(name: str, key: str) -> dict[str, Any]:
    return {"valueFrom": {"secretKeyRef": {"name": name, "key": key}}}


PVC = {"type": "pvc", "pvc": {"name": "demo", "subPath": "data"}}


def test_s3_comes_here():
    (cube,) = datacube.read(FETCH_S3)
    assert (cube.claim, cube.sub_path, cube.upload) == ("demo", "data/set", False)
    job = cube.job("/mnt/pvc", look_up)
    assert (job.kind, job.source, job.destination) == (
        "fetch",
        "s3://bucket/folder/",
        "/mnt/pvc/data/set/",
    )
    assert job.options == {
        "endpoint": "https://s3.example.org",
        "access_key_id": "AKIA",
        "secret_access_key": "very-secret",
        "conflict": "overwrite",  # as rclone does
    }


def test_sync_makes_equal():
    text = changed(spec__executor={"options": {"sync": True, "backoffLimit": 3}})
    job = datacube.read(text)[0].job("/mnt/pvc", look_up)
    assert (job.kind, job.destination) == ("sync", "/mnt/pvc/data/set")
    assert job.options["max_retries"] == 3
    assert "approve" not in job.options  # that is for the person to say


def test_s3_goes_there():
    sink = side("s3", s3_uri=value("s3://bucket/out/"), s3_no_check_bucket=value("true"))
    job = datacube.read(changed(spec__source=PVC, spec__sink=sink))[0].job("root", look_up)
    assert (job.kind, job.source, job.destination) == ("send", "root/data", "s3://bucket/out/")


def test_git_comes_here():
    source = side(
        "git",
        token=secret("git", "token"),
        url=value("https://oauth2:$(TOKEN)@git.example.org/group/tool.git"),
        ref=value("v1.2"),
    )
    job = datacube.read(changed(spec__source=source, spec__sink=PVC))[0].job("root", look_up)
    assert job.source == "git+https://oauth2:git-token@git.example.org/group/tool.git"
    assert (job.destination, job.options["ref"]) == ("root/data/tool", "v1.2")


def test_git_means_master_without_a_ref():
    source = side("git", url=value("https://git.example.org/group/tool"))
    job = datacube.read(changed(spec__source=source, spec__sink=PVC))[0].job("root", look_up)
    assert (job.destination, job.options["ref"]) == ("root/data/tool", "master")


def test_hugging_face_comes_here():
    source = side(
        "huggingface",
        repo={"valueFrom": {"configMapKeyRef": {"name": "conf", "key": "repo"}}},
        files=value("config.json, model[1].bin"),
    )
    executor = {"env": [{"name": "HF_ENDPOINT", "value": "https://hf-mirror.example.org"}]}
    text = changed(spec__source=source, spec__sink=PVC, spec__executor=executor)
    job = datacube.read(text)[0].job("root", look_up)
    assert (job.source, job.destination) == ("hf://owner/name", "root/data")
    assert job.options == {
        "include": ["/config.json", "/model\\[1\\].bin"],
        "endpoint": "https://hf-mirror.example.org",
        "conflict": "overwrite",
    }


@pytest.mark.parametrize(
    ("path", "destination"),
    [("a/b.bin", "hf://o/n/a/b.bin"), (".", "hf://o/n/"), ("", "hf://o/n/"), ("a/", "hf://o/n/a")],
)
def test_hugging_face_goes_there(path, destination):
    sink = side(
        "huggingface",
        token=secret("git", "token"),
        repo=value("o/n"),
        path_in_repo=value(path),
        commit_message=value("New weights"),
    )
    job = datacube.read(changed(spec__source=PVC, spec__sink=sink))[0].job("root", look_up)
    assert (job.kind, job.source, job.destination) == ("send", "root/data", destination)
    assert job.options == {
        "token": "git-token",
        "commit_message": "New weights",
        "create_repo": True,
        "conflict": "overwrite",
    }


def test_hugging_face_stays_in_the_repository():
    sink = side("huggingface", repo=value("o/n"), path_in_repo=value("../x"))
    with pytest.raises(TransferError, match="path-in-repo"):
        datacube.read(changed(spec__source=PVC, spec__sink=sink))[0].job("root", look_up)


def test_git_goes_there():
    sink = side(
        "git",
        token=secret("git", "token"),
        url=value("https://$(TOKEN)@git.example.org/g/tool.git"),
    )
    (cube,) = datacube.read(changed(spec__source=PVC, spec__sink=sink))
    job = cube.job("root", look_up, lambda *where: "kubernetes:" + "/".join(where))
    assert (job.kind, job.source, job.destination) == (
        "send",
        "root/data/tool",
        "git+https://git.example.org/g/tool.git",
    )
    assert job.options == {"token": "kubernetes:secret/git/token"}


def test_what_stands_in_a_secret_is_taken_as_it_is():
    source = side(
        "s3",
        s3_uri=value("s3://b/k"),
        s3_secret_access_key=secret("odd", "key"),
        s3_endpoint=value("https://$(HOST)$$"),
    )
    executor = {"env": [{"name": "HOST", "value": "$(INNER).org"}, {"name": "INNER", "value": "h"}]}
    (cube,) = datacube.read(changed(spec__source=source, spec__executor=executor))
    job = cube.job("root", lambda kind, name, key: "pa$$wo$(HOST)rd")
    assert job.options["secret_access_key"] == "pa$$wo$(HOST)rd"
    assert job.options["endpoint"] == "https://h.org$"


def test_a_secret_that_need_not_be_known_stays_a_reference():
    (cube,) = datacube.read(FETCH_S3)
    asked = []

    def known(kind: str, name: str, key: str) -> str:
        asked.append(key)
        return look_up(kind, name, key)

    job = cube.job("root", known, lambda kind, name, key: f"kubernetes:{kind}/{name}/{key}")
    assert job.options["secret_access_key"] == "kubernetes:secret/s3-env/secretAccessKey"
    assert sorted(asked) == ["accessKeyID", "endpoint"]
    assert cube.references() == [
        ("secret", "s3-env", "endpoint"),
        ("secret", "s3-env", "accessKeyID"),
        ("secret", "s3-env", "secretAccessKey"),
    ]


@pytest.mark.parametrize(
    ("user", "options"),
    [("oauth2:", {"username": "oauth2"}), ("", {})],
)
def test_a_token_in_an_address_goes_the_way_of_secrets(user, options):
    source = side(
        "git", token=secret("git", "token"), url=value(f"https://{user}$(TOKEN)@h/g/tool.git")
    )
    (cube,) = datacube.read(changed(spec__source=source, spec__sink=PVC))

    def unknown(kind: str, name: str, key: str) -> str:
        raise AssertionError("it need not be known")

    job = cube.job("root", unknown, lambda *where: "kubernetes:" + "/".join(where))
    assert job.source == "git+https://h/g/tool.git"
    token = {"token": "kubernetes:secret/git/token", "ref": "master"}
    assert job.options == {**token, **options}


def test_what_is_optional_may_be_missing():
    reference = {"secretKeyRef": {"name": "no", "key": "no", "optional": True}}
    source = side("huggingface", repo=value("o/n"), token={"valueFrom": reference})

    def missing(kind: str, name: str, key: str) -> str:
        raise TransferError("needs_credentials", "no")

    (cube,) = datacube.read(changed(spec__source=source))
    assert "token" not in cube.job("root", missing).options
    reference["secretKeyRef"]["optional"] = False
    (cube,) = datacube.read(changed(spec__source=source))
    with pytest.raises(TransferError):
        cube.job("root", missing)


BOMB = [
    {"name": "A0", "value": "x" * 1000},
    *({"name": f"A{n}", "value": f"$(A{n - 1})" * 20} for n in range(1, 12)),
]
CHAIN = [{"name": f"A{n}", "value": f"$(A{n + 1})"} for n in range(100)]


@pytest.mark.parametrize("env", [BOMB[::-1], CHAIN])
def test_names_in_names_are_bounded(env):
    source = side("s3", s3_uri=value("s3://b/k"), s3_endpoint=value(f"$({env[0]['name']})"))
    text = changed(spec__source=source, spec__executor={"env": env})
    with pytest.raises(TransferError):
        datacube.read(text)[0].job("root", look_up)


def test_a_name_in_its_own_value_stays():
    source = side("s3", s3_uri=value("s3://b/k"), s3_endpoint=value("$(A)"))
    env = [{"name": "A", "value": "a$(B)"}, {"name": "B", "value": "b$(A)"}]
    text = changed(spec__source=source, spec__executor={"env": env})
    assert datacube.read(text)[0].job("root", look_up).options["endpoint"] == "ab$(A)"


def test_a_deadline_is_that_of_each_attempt():
    text = changed(spec__executor={"options": {"activeDeadlineSeconds": 60}})
    options = datacube.read(text)[0].job("root", look_up).options
    assert (options["max_duration"], options["max_retries"]) == (60, 0)


def test_no_retries_are_none():
    text = changed(spec__executor={"options": {"backoffLimit": 0}})
    assert datacube.read(text)[0].job("root", look_up).options["max_retries"] == 0


@pytest.mark.parametrize(
    ("folder", "place"),
    [("", "data/set/"), (".", "data/set/"), ("/", "/data/set/"), ("a/", "a/data/set/")],
)
def test_where_a_claim_is(folder, place):
    assert datacube.read(FETCH_S3)[0].job(folder, look_up).destination == place


def test_a_file_of_both_forms():
    own = {
        "apiVersion": "jupyter-transfer/v1",
        "kind": "Transfer",
        "metadata": {"name": "mine"},
        "spec": {"source": "https://h/x", "options": {"start_at": "SOON"}},
    }
    text = yaml.safe_dump(own).replace("SOON", "2026-12-24T18:00:00Z")
    first, second = datacube.transfers(f"{FETCH_S3}\n---\n{text}")
    assert (first.name, first.claim) == ("s3-down", "demo")
    assert (second.name, second.claim) == ("mine", None)
    assert second.job({}, look_up).options["start_at"] == "2026-12-24T18:00:00.000Z"
    with pytest.raises(TransferError) as caught:
        first.job({"other": ""}, look_up)
    assert caught.value.detail == {"claim": "demo"}


@pytest.mark.parametrize(
    ("text", "told"),
    [("", "no transfer"), ("---\n---\n", "no transfer"), ("kind: List\nitems: []", "no transfer")],
)
def test_a_file_without_transfers(text, told):
    with pytest.raises(TransferError, match=told):
        datacube.transfers(text)


def test_a_file_of_too_many_transfers():
    document = yaml.safe_load(FETCH_S3)
    with pytest.raises(TransferError, match="more than"):
        datacube.transfers(yaml.safe_dump({"kind": "List", "items": [document] * 201}))


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("a$(X)b", "a1b"),
        ("$$(X)", "$(X)"),
        ("$(NONE)", "$(NONE)"),
        ("$(X)$(X)", "11"),
        ("$X ${X} $", "$X ${X} $"),
        ("$(X", "$(X"),
        ("$(Y)", "$(X)"),  # once only
    ],
)
def test_names_in_values(text, result):
    assert datacube.expand(text, {"X": "1", "Y": "$(X)"}) == result


def test_a_list_and_several_documents():
    document = yaml.safe_load(FETCH_S3)
    both = yaml.safe_dump({"kind": "DataCubeList", "items": [document, document]})
    assert len(datacube.read(f"{both}\n---\n{FETCH_S3}\n---\n")) == 3


def test_what_a_pod_needs_is_told_to_be_ignored():
    text = changed(
        spec__executor={"resources": {"limits": {"cpu": 1}}, "securityContext": {"runAsUser": 1}},
        spec__sink__pvc__template={"spec": {}},
        status={"phase": "Complete"},
    )
    notices = datacube.read(text)[0].notices
    assert len(notices) == 3
    assert any("template" in notice for notice in notices)


def test_variables_that_nothing_heeds_are_told():
    names = ("HTTPS_PROXY", "HF_ENDPOINT", "HOST")
    executor = {"env": [{"name": name, "value": "h"} for name in names]}
    source = side("huggingface", repo=value("$(HOST)/n"))
    text = changed(spec__source=source, spec__executor=executor)
    (notice,) = datacube.read(text)[0].notices
    assert "HTTPS_PROXY" in notice


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (["--transfers", "8", "-v"], {}),
        (["--include=*.csv", "--exclude", "tmp/**"], {"include": ["*.csv"], "exclude": ["tmp/**"]}),
        (["--bwlimit", "1M"], {"bandwidth": 1 << 20}),
        (["--bwlimit", "100", "--max-size=7"], {"bandwidth": 100 << 10, "max_size": "7K"}),
        (["--checksum", "--max-delete", "3"], {"compare": "checksum", "max_delete": 3}),
        (["--ignore-existing"], {"conflict": "skip"}),
    ],
)
def test_arguments_that_are_allowed(arguments, options):
    text = changed(spec__executor={"options": {"extraArgs": arguments}})
    given = datacube.read(text)[0].job("root", look_up).options
    assert {n: v for n, v in given.items() if n in options} == options


@pytest.mark.parametrize(
    "argument",
    [
        "--config=/etc/x",
        "--password-command=id",
        "--metadata-mapper=id",
        "--rc",
        "-vvv",
        "--upload-pack=id",
        "--include",
        "--fast-list=1",
        "s3:other",
        "",
    ],
)
def test_arguments_that_are_refused(argument):
    with pytest.raises(TransferError) as caught:
        datacube.read(changed(spec__executor={"options": {"extraArgs": [argument]}}))
    assert caught.value.code == "bad_request"


@pytest.mark.parametrize(
    ("type_", "argument"),
    [
        ("git", "--upload-pack=id"),
        ("git", "-c"),
        ("git", "--config=core.sshCommand=id"),
        ("git", "--depth=many"),
        ("git", "--filter=tree:0"),
        ("git", "--template=/x"),
        ("git", "--force"),
        ("huggingface", "--local-dir=/etc"),
        ("huggingface", "--token=x"),
    ],
)
def test_arguments_of_the_others_that_are_refused(type_, argument):
    options = {"git": {"url": value("https://h/x.git")}, "huggingface": {"repo": value("a/b")}}
    source = side(type_, **options[type_])
    text = changed(
        spec__source=source, spec__sink=PVC, spec__executor={"options": {"extraArgs": [argument]}}
    )
    with pytest.raises(TransferError):
        datacube.read(text)


# fmt: off
WRONG = [
    ({"apiVersion": "v1"}, "apiVersion"),
    ({"kind": "Pod"}, "kind"),
    ({"surprise": 1}, "surprise"),
    ({"spec": None}, "spec"),
    ({"spec__surprise": 1}, "spec.surprise"),
    ({"spec__sink": {"type": "s3"}}, "pvc"),
    ({"spec__source": PVC}, "pvc"),
    ({"spec__sink__pvc__name": None}, "pvc.name"),
    ({"spec__sink__pvc__subPath": "../x"}, "subPath"),
    ({"spec__sink__pvc__subPath": "/etc"}, "subPath"),
    ({"spec__sink__pvc__subPath": "a/../../b"}, "subPath"),
    ({"spec__sink__pvc__subPath": 5}, "subPath"),
    ({"spec__sink__pvc__surprise": 5}, "surprise"),
    ({"spec__source__type": "ftp"}, "type"),
    ({"spec__source__options": {}}, "options"),
    ({"spec__source__options": ["x"]}, "options"),
    ({"spec__source": side("s3")}, "s3-uri"),
    ({"spec__source": side("s3", s3_uri=secret("a", "b"))}, "s3-uri"),
    ({"spec__source": side("s3", s3_uri=value("s3://b/k"), token=value("x"))}, "token"),
    ({"spec__source": side("s3", s3_uri={})}, "s3-uri"),
    ({"spec__source": side("s3", s3_uri={"value": "a", "valueFrom": {}})}, "s3-uri"),
    ({"spec__source": side("s3", s3_uri=value("s3://b/k"),
                           s3_endpoint=secret("../..", "x"))}, "no name"),
    ({"spec__source": side("s3", s3_uri=value("s3://b/k"),
                           s3_endpoint={"valueFrom": {"fieldRef": {}}})}, "secretKeyRef"),
    ({"spec__executor": {"options": {"sync": "yes"}}}, "sync"),
    ({"spec__executor": {"options": {"backoffLimit": -1}}}, "backoffLimit"),
    ({"spec__executor": {"options": {"backoffLimit": True}}}, "backoffLimit"),
    ({"spec__executor": {"options": {"extraArgs": "-v"}}}, "extraArgs"),
    ({"spec__executor": {"options": {"surprise": 1}}}, "surprise"),
    ({"spec__executor": {"env": [{"name": "S3-URI", "value": "x"}]}}, "S3-URI"),
    ({"spec__executor": {"surprise": 1}}, "surprise"),
]
# fmt: on


@pytest.mark.parametrize(("changes", "named"), WRONG)
def test_what_is_wrong_is_named(changes, named):
    with pytest.raises(TransferError) as caught:
        datacube.read(changed(**changes))
    assert caught.value.code == "bad_request"
    assert named in str(caught.value)


def test_a_sync_is_for_downloads_from_s3():
    executor = {"options": {"sync": True}}
    git = side("git", url=value("https://h/x.git"))
    up = side("s3", s3_uri=value("s3://b/k"))
    for text in (
        changed(spec__source=git, spec__sink=PVC, spec__executor=executor),
        changed(spec__source=PVC, spec__sink=up, spec__executor=executor),
    ):
        with pytest.raises(TransferError, match="sync"):
            datacube.read(text)


LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 10)}]\n"
    for before, name in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "\t",
        "a: b: c",
        "- 1",
        "text",
        "!!python/object/apply:os.system ['true']",
        LAUGHS,
        "[" * 5000,
        "a: &a\n  b: *a\n",
        "x" * (2 << 20),
        "1: 2",
        "a: !!binary aGk=",
        "a: !!set {x}",
        "a: .nan",
        "kind: DataCubeList",
        "kind: DataCubeList\nitems: [1]",
    ],
)
def test_what_is_no_file_of_ours(text):
    with pytest.raises(TransferError) as caught:
        datacube.read(text)
    assert caught.value.code == "bad_request"


MOMENT = "2026-01-01T00:00:00Z"


def job_in(state: str, reason: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "id": "0" * 32,
        "state": state,
        "reason": reason,
        "started": MOMENT,
        "finished": MOMENT if state in ("done", "failed", "cancelled") else None,
    }


GONE = {"code": "remote_not_found", "message": "It is gone."}


@pytest.mark.parametrize(
    ("job", "phase", "conditions", "of_pod"),
    [
        (job_in("done"), "Complete", {"Complete": "True", "Failed": "False"}, "Succeeded"),
        (job_in("failed", GONE), "Failed", {"Failed": "True"}, "Failed"),
        (job_in("cancelled"), "Failed", {"Failed": "True"}, "Failed"),
        (job_in("waiting", GONE), "Processing", {}, "Running"),
    ],
)
def test_the_status_has_the_shape_of_the_resource(job, phase, conditions, of_pod):
    (cube,) = datacube.read(changed(status={"phase": "old"}))
    told = datacube.with_status(cube, job, MOMENT)
    assert told["spec"] == yaml.safe_load(FETCH_S3)["spec"]
    status = told["status"]
    assert status["phase"] == phase
    told = {one["type"]: one["status"] for one in status["conditions"]}
    assert told == {"Initialized": "True", **conditions}
    assert all(one["lastTransitionTime"] == MOMENT for one in status["conditions"])
    assert status["pod"]["reference"] == {"name": job["id"], "uid": job["id"]}
    assert status["pod"]["phase"] == of_pod
    if job["reason"] and phase == "Failed":
        assert status["conditions"][-1]["reason"] == "remote_not_found"
        assert status["conditions"][-1]["message"] == "It is gone."


def test_the_status_of_what_was_not_begun():
    (cube,) = datacube.read(FETCH_S3)
    told = datacube.not_begun(cube, GONE, MOMENT)["status"]
    assert told["phase"] == "Failed"
    assert [(one["type"], one["status"]) for one in told["conditions"]] == [
        ("Initialized", "False"),
        ("Failed", "True"),
    ]
    other = datacube.not_begun(cube, None, MOMENT)["status"]
    assert other["phase"] == "Pending"
    assert [one["status"] for one in other["conditions"]] == ["False"]


def a_job(kind: str, source: str, destination: str, **options: Any) -> dict[str, Any]:
    ends = {"source": source, "destination": destination, "progress": {"files_total": None}}
    return {**job_in("queued"), "kind": kind, **ends, "options": options, "started": None}


EXPORTED = [
    a_job("fetch", "s3://b/k/", "data/"),
    a_job("sync", "s3://b/k/", "data", max_delete=3, compare="checksum"),
    a_job("send", "data", "s3://b/k/", region="eu-1", storage_class="COLD", requester_pays=True),
    a_job("fetch", "git+https://h/o/x.git@v1", "c/x", depth=1, partial=True, submodules=True),
    a_job("fetch", "hf://o/n", "n", include=["/a[1].bin".replace("[", "\\[").replace("]", "\\]")]),
    a_job("fetch", "git+https://h/o/x.git", "c/x"),
    a_job(
        "fetch", "hf://o/n", "n", include=["*.bin"], exclude=["x"], max_retries=0, max_duration=60
    ),
    a_job("fetch", "s3://b/k/", "d/", bandwidth=5000, min_size=10, max_size="5M", max_age="3d"),
    a_job("fetch", "s3://b/k/", "d/", conflict="skip", filter=["- *.tmp", "+ *"]),
    a_job("fetch", "hf://o/n", "n", endpoint="https://mirror.example.org", revision="v1"),
    a_job("send", "n", "hf://o/n/a", commit_message="m", create_repo=True, create_pr=True),
]


@pytest.mark.parametrize("job", EXPORTED)
def test_there_and_back_with_options(job):
    document = datacube.exported(
        job, "demo", job["source" if job["kind"] == "send" else "destination"], MOMENT
    )
    (cube,) = datacube.read(yaml.safe_dump(document))
    again = cube.job("", lambda kind, name, key: f"{name}/{key}")
    keys = {"endpoint": "s3-env/endpoint", "access_key_id": "s3-env/accessKeyID"}
    keys["secret_access_key"] = "s3-env/secretAccessKey"
    wanted = dict(job["options"])
    if job["kind"] != "sync" and "git+" not in job["source"]:
        wanted.setdefault("conflict", "overwrite")
    if "s3://" in job["source"] + job["destination"]:
        wanted = {**keys, **wanted}
    for name in ("bandwidth", "min_size"):
        if name in wanted:
            assert str(again.options.pop(name)).removesuffix("B") == str(wanted.pop(name))
    if job["source"].startswith("git+"):
        wanted |= {"ref": "v1"} if "@" in job["source"] else {}
        assert again.source == "git+https://h/o/x.git"
    else:
        assert (again.source, again.destination.rstrip("/")) == (
            job["source"],
            job["destination"].rstrip("/"),
        )
    assert again.options == wanted
    assert again.kind == job["kind"]


@pytest.mark.parametrize(
    ("source", "path", "files", "sub_path"),
    [
        ("s3://b/set/", "data", None, "data"),
        ("s3://b/set/", "data/", None, "data"),
        ("s3://b/set/", "", None, "set"),
        ("s3://b/set/", "./", None, ""),
        ("s3://b/one", "data/one", 1, "data"),
        ("s3://b/one", "data/", 1, "data"),
        ("s3://b/one", "", None, ""),
        ("git+https://h/o/x.git@v1", "code/x", None, "code"),
        ("git+https://h/o/x.git", "code/", None, "code"),
        ("git+https://h/o/x.git", "", None, ""),
        ("hf://o/n@main", "", None, "n"),
        ("hf://o/n", "m", None, "m"),
        ("hf://o/n/f.bin", "m/f.bin", 1, "m"),
        ("hf://o/n/f.bin", "m/", 1, "m"),
    ],
)
def test_the_folder_in_the_claim(source, path, files, sub_path):
    job = {**a_job("fetch", source, path), "progress": {"files_total": files}}
    assert datacube.sub_path_of(job, path) == sub_path


def test_a_clone_that_is_pushed_lies_in_the_folder():
    job = a_job("send", "code/x", "git+https://h/o/x.git")
    assert datacube.sub_path_of(job, "code/x") == "code"
    for path in ("code/y", ""):
        with pytest.raises(TransferError, match="another name"):
            datacube.sub_path_of(job, path)


def test_what_has_begun_is_written_with_its_status():
    job = {**a_job("fetch", "s3://b/k/", "data"), **job_in("done")}
    document = datacube.exported(job, "demo", "data", MOMENT)
    assert document["status"]["phase"] == "Complete"
    assert datacube.of(document).name == "transfer-00000000"


def test_a_reference_is_written_as_one():
    secret_of = "kubernetes:secret/mine/key"
    job = a_job("fetch", "s3://b/k/", "d", access_key_id="AK", secret_access_key=secret_of)
    text = yaml.safe_dump(datacube.exported(job, "demo", "d", MOMENT))
    assert datacube.read(text)[0].references() == [
        ("secret", "s3-env", "endpoint"),
        ("secret", "mine", "key"),
    ]
    job = a_job("fetch", "git+https://h/x.git", "x", credential_options=["token"])
    text = yaml.safe_dump(datacube.exported(job, "demo", "x", MOMENT))
    again = datacube.read(text)[0].job("", lambda *where: "t0ken", lambda *where: "ref")
    assert (again.source, again.options["token"]) == ("git+https://h/x.git", "ref")


@pytest.mark.parametrize(
    "job",
    [
        {"kind": "fetch", "source": "s3://b/k/", "destination": "data", "options": {}},
        {"kind": "sync", "source": "s3://b/k/", "destination": "data", "options": {}},
        {"kind": "send", "source": "data", "destination": "s3://b/k/", "options": {}},
        {"kind": "fetch", "source": "git+https://h/o/x.git@v1", "destination": "x", "options": {}},
        {"kind": "fetch", "source": "hf://o/n", "destination": "n", "options": {}},
    ],
)
def test_there_and_back(job):
    document = datacube.written({"id": "0" * 32, **job}, "demo", "sub")
    (cube,) = datacube.read(yaml.safe_dump(document))
    again = cube.job("root", lambda kind, name, key: f"{name}/{key}")
    assert again.kind == job["kind"]
    ends = [again.source, again.destination]
    address = job["destination"] if job["kind"] == "send" else job["source"]
    name = address.partition(".git@")[0].removesuffix(".git")
    assert name in [end.removesuffix(".git") for end in ends]


@pytest.mark.parametrize(
    "job",
    [
        {"kind": "copy", "source": "s3://b/k", "destination": "s3://c/k", "options": {}},
        {"kind": "fetch", "source": "https://h/x", "destination": "", "options": {}},
        {"kind": "send", "source": "x", "destination": "sftp://h/x", "options": {}},
        {"kind": "sync", "source": "x", "destination": "s3://b/k", "options": {}},
        {"kind": "sync", "source": "hf://o/n", "destination": "x", "options": {}},
        a_job("fetch", "s3://b/k/", "x", profile="p"),
        a_job("fetch", "s3://b/k/", "x", anonymous=True),
        a_job("fetch", "s3://b/k/", "x", conflict="rename"),
        a_job("sync", "s3://b/k/", "x", trash="old"),
        a_job("fetch", "git+https://h/x.git", "x", sparse="a"),
        a_job("fetch", "git+https://h/x.git", "x", username="u"),
        a_job("fetch", "hf://o/n", "x", target="cache"),
        a_job("fetch", "hf://o/n/folder/", "x"),
        a_job("fetch", "hf://o/n/folder/file.bin", "x/"),
        a_job("send", "x", "git+https://h/x.git", commit_message="m"),
    ],
)
def test_what_no_datacube_can_do(job):
    with pytest.raises(TransferError, match="cannot be written"):
        datacube.written({"id": "0" * 32, **job}, "demo", "")
