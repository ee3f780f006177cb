"""The database: uploads and the results of packs."""

from __future__ import annotations


def test_uploads(store):
    row = {
        "id": "u", "owner": "me", "folder": "", "destination": "x", "length": 5,
        "created": 1.0, "expires": 2.0, "metadata": {"filename": "x"},
        "explicit": False, "concat": "partial", "assembly": "a",
    }  # fmt: skip
    store.upload_add(row)
    assert store.upload_get("u") == {**row, "state": "open", "path": None, "files": None}
    assert store.uploads_open("me") == 1
    assert [r["id"] for r in store.uploads_expired(3)] == ["u"]
    store.upload_touch("u", 10)
    assert store.uploads_expired(3) == []
    store.upload_finish("u", "x (1)", 7)
    assert store.upload_get("u")["path"] == "x (1)"
    assert store.upload_get("u")["length"] == 7
    assert store.uploads_open("me") == 0
    store.upload_remove("u")
    assert store.upload_get("u") is None


def test_the_files_of_a_pack(store):
    row = {
        "id": "u", "owner": "me", "folder": "", "destination": "d", "length": None,
        "created": 1.0, "expires": 2.0, "metadata": {"pack": "tar"},
        "explicit": False, "concat": "", "assembly": "",
    }  # fmt: skip
    store.upload_add(row)
    results = [{"path": f"d/{n}", "state": "failed" if n % 2 else "skipped"} for n in range(4)]
    store.pack_finish("u", 9, {"done": 5, "failed": 2}, results)
    found = store.upload_get("u")
    assert (found["path"], found["length"], found["files"]) == ("d", 9, {"done": 5, "failed": 2})
    files = [results[n] for n in (1, 3, 0, 2)]
    assert store.pack_files("u", None, 10, 0) == (files, 4)
    assert store.pack_files("u", None, 2, 1) == (files[1:3], 4)
    assert store.pack_files("u", "skipped", 10, 0) == (files[2:], 2)
    store.upload_remove("u")
    assert store.pack_files("u", None, 10, 0) == ([], 0)
