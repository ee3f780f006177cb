"""Clients that know nothing of us: tuspy (PyPI) and tus-js-client (npm), as they are."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError
from tusclient.storage.filestorage import FileStorage

from ..handlers.tus_client import VERSION
from ..servers.bare import BareServer
from .bare_server import TOKEN

AUTHORIZATION = {"Authorization": f"token {TOKEN}"}
PIECE = 300_000
SCRIPT = Path(__file__).with_name("tus_js_client.mjs")


@pytest.fixture
def source(tmp_path) -> Path:
    """The file that is uploaded."""
    path = tmp_path / "a b.bin"
    path.write_bytes(random.Random(5).randbytes(2_000_003))
    return path


def endpoint(server: BareServer) -> str:
    return f"http://127.0.0.1:{server.port}/jupyter-transfer/tus/"


def assert_arrived(server: BareServer, name: str, source: Path) -> None:
    assert (server.root / name).read_bytes() == source.read_bytes()


class TestTuspy:
    METADATA = {"filename": "d/ä.bin", "filetype": "application/octet-stream"}  # noqa: RUF012

    @pytest.mark.parametrize("upload_checksum", [False, True])
    def test_in_pieces(self, server, source, upload_checksum):
        client = TusClient(endpoint(server), headers=AUTHORIZATION)
        uploader = client.uploader(
            str(source), chunk_size=PIECE, metadata=self.METADATA, upload_checksum=upload_checksum
        )
        uploader.upload()
        assert uploader.offset == source.stat().st_size
        assert_arrived(server, "d/ä.bin", source)

    def test_it_resumes_with_another_server_process(self, server, source, tmp_path):
        storage = FileStorage(str(tmp_path / "urls.json"))

        def uploader():
            client = TusClient(endpoint(server), headers=AUTHORIZATION)
            return client.uploader(
                str(source),
                chunk_size=PIECE,
                metadata=self.METADATA,
                store_url=True,
                url_storage=storage,
            )

        first = uploader()
        first.upload(stop_at=2 * PIECE)
        server.kill()
        server.start()
        (key,) = [entry["key"] for entry in storage._db.all()]
        address = storage.get_item(key).rpartition("/")[2]
        storage.set_item(key, endpoint(server) + address)  # the port is another one
        second = uploader()
        assert second.offset == 2 * PIECE
        second.upload()
        assert_arrived(server, "d/ä.bin", source)
        storage.close()

    def test_a_damaged_piece_is_refused(self, server, source):
        client = TusClient(endpoint(server), headers=AUTHORIZATION)
        uploader = client.uploader(str(source), chunk_size=PIECE, upload_checksum=True)
        uploader.upload_chunk()

        class Wrong:
            def __init__(self, data: bytes) -> None:
                pass

            def digest(self) -> bytes:
                return bytes(20)

        uploader._BaseUploader__checksum_algorithm = Wrong
        with pytest.raises(TusCommunicationError) as caught:
            uploader.upload_chunk()
        assert caught.value.status_code == 460
        assert uploader.get_offset() == PIECE

    def test_a_name_that_was_taken_meanwhile(self, server, source):
        """A whole file without its name never looks like a success, and goes on when it is free."""
        client = TusClient(endpoint(server), headers=AUTHORIZATION)
        header = {"filename": source.name, "conflict": "fail"}
        first = client.uploader(str(source), chunk_size=PIECE, metadata=header)
        first.upload(stop_at=PIECE)
        (server.root / source.name).write_text("other")
        with pytest.raises(TusCommunicationError) as caught:
            first.upload()
        assert caught.value.status_code == 409
        second = client.uploader(str(source), chunk_size=PIECE, url=first.url)
        assert second.offset == source.stat().st_size - 1
        with pytest.raises(TusCommunicationError) as caught:
            second.upload()
        assert caught.value.status_code == 409
        (server.root / source.name).unlink()
        third = client.uploader(str(source), chunk_size=PIECE, url=first.url)
        third.upload()
        assert_arrived(server, source.name, source)

    async def test_asynchronously(self, server, source):
        client = TusClient(endpoint(server), headers=AUTHORIZATION)
        loop = asyncio.get_running_loop()
        uploader = await loop.run_in_executor(
            None, lambda: client.async_uploader(str(source), chunk_size=PIECE)
        )
        await uploader.upload()
        (file,) = server.root.glob("upload-*")
        assert_arrived(server, file.name, source)


class TestTusJsClient:
    """The client of Uppy. Its script is installed with the front end (package.json)."""

    def run(self, server, source, *, store=None, stop=None, **options) -> dict[str, str]:
        options = {
            "endpoint": endpoint(server),
            "headers": AUTHORIZATION,
            "metadata": {"filename": source.name, "conflict": "fail"},
            "chunkSize": PIECE,
            **options,
        }
        given = {
            "file": str(source),
            "store": str(store) if store else None,
            "stop": stop,
            "options": options,
        }
        node = shutil.which("node")
        assert node, "there is no node on this machine"
        answer = subprocess.run(
            [node, str(SCRIPT), json.dumps(given)],
            capture_output=True,
            check=False,
            text=True,
            timeout=120,
            env={name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
        )
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    def head(self, server, url: str):
        return server.ask("HEAD", url.rpartition("/")[2], VERSION)

    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"chunkSize": 10_000_000},
            {"uploadDataDuringCreation": True},
            {"uploadLengthDeferred": True},
            {"overridePatchMethod": True},
            {"addRequestId": True},
            {"parallelUploads": 4},
            {"parallelUploads": 3, "uploadDataDuringCreation": True},
        ],
        ids=lambda options: "+".join(options) or "plain",
    )
    def test_a_whole_file(self, server, source, options):
        result = self.run(server, source, **options)
        assert result["how"] == "done"
        assert_arrived(server, source.name, source)
        head = self.head(server, result["url"])
        assert head.headers["Transfer-Path"] == "a%20b.bin"
        assert head.headers["Upload-Length"] == str(source.stat().st_size)
        concat = head.headers["Upload-Concat"] or ""
        assert concat.startswith("final;") == ("parallelUploads" in options)

    @pytest.mark.parametrize("parallel", [1, 3])
    def test_it_resumes(self, server, source, tmp_path, parallel):
        store = tmp_path / "urls.json"
        options = {"store": store, "parallelUploads": parallel}
        first = self.run(server, source, stop=PIECE, **options)
        assert first["how"] == "stopped"
        assert not (server.root / source.name).exists()
        result = self.run(server, source, **options)
        assert result["how"] == "done"
        assert_arrived(server, source.name, source)
        if parallel == 1:
            assert result["url"] == first["url"]

    def test_an_upload_that_the_server_forgot_is_begun_anew(self, server, source, tmp_path):
        store = tmp_path / "urls.json"
        first = self.run(server, source, store=store, stop=PIECE)
        assert server.ask("DELETE", first["url"].rpartition("/")[2], VERSION).status == 204
        result = self.run(server, source, store=store)
        assert result["how"] == "done"
        assert result["url"] != first["url"]
        assert_arrived(server, source.name, source)

    def test_an_empty_file(self, server, tmp_path):
        source = tmp_path / "empty"
        source.touch()
        assert self.run(server, source)["how"] == "done"
        assert_arrived(server, "empty", source)

    def test_a_refusal_is_told(self, server, source):
        (server.root / source.name).write_text("old")
        result = self.run(server, source, retryDelays=[])
        assert "409" in result["how"]
        assert (server.root / source.name).read_text() == "old"

    def test_a_name_that_was_taken_meanwhile(self, server, source, tmp_path):
        """A whole file without its name never looks like a success, and goes on when it is free."""
        options = {"store": tmp_path / "urls.json", "retryDelays": [0, 0]}
        first = self.run(server, source, stop=PIECE, **options)
        (server.root / source.name).write_text("other")
        for _ in range(2):
            result = self.run(server, source, **options)
            assert "409" in result["how"]
            assert result["url"] == first["url"]
        (server.root / source.name).unlink()
        result = self.run(server, source, **options)
        assert (result["how"], result["url"]) == ("done", first["url"])
        assert_arrived(server, source.name, source)
