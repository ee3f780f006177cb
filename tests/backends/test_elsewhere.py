"""Addresses that other tools know and we do not lead somewhere."""

from __future__ import annotations

import json
import re
import subprocess

import pytest
from click.testing import CliRunner
from fsspec.registry import known_implementations

from jupyter_transfer.backends import elsewhere, find, load_all
from jupyter_transfer.cli.main import main
from jupyter_transfer.errors import TransferError

from ..servers.webdav import rclone

OF_FSSPEC = sorted(name for name in known_implementations if re.fullmatch("[a-z0-9]+", name))


@pytest.mark.parametrize("scheme", OF_FSSPEC)
def test_every_scheme_of_fsspec_is_served_or_leads_somewhere(scheme):
    if any(backend.claims(f"{scheme}://somewhere/x") for backend in load_all().values()):
        return
    with pytest.raises(TransferError) as caught:
        find(f"{scheme}://somewhere/x")
    assert caught.value.code == "unsupported_scheme"
    assert not caught.value.remedy.startswith("Use one of"), caught.value.remedy


@pytest.mark.parametrize(
    ("address", "way"),
    [
        ("gcs://bucket/key", "https://storage.googleapis.com"),
        ("az://container/blob", "azureblob"),
        ("abfs://container/blob", "azureblob"),
        ("hdfs://node/path", "hdfs"),
        ("dropbox://folder", "dropbox"),
        ("s3a://bucket/key", "s3://BUCKET/KEY"),
        ("ssh://host/path", "sftp://"),
    ],
)
def test_the_command_says_it(address, way):
    done = CliRunner().invoke(main, ["get", address])
    assert done.exit_code == 1
    assert way in done.stderr


def test_a_chain_of_fsspec_is_told_to_go_without_its_layers():
    done = CliRunner().invoke(main, ["get", "simplecache::s3://bucket/key"])
    assert done.exit_code == 2
    assert "layer of fsspec over another address" in done.stderr


def test_rclone_has_all_these_types():
    told = subprocess.run([rclone(), "config", "providers"], capture_output=True, check=True)
    known = {provider["Name"] for provider in json.loads(told.stdout)}
    assert set(elsewhere._RCLONE.values()) <= known


def test_no_hint_leads_to_a_scheme_that_we_lack():
    for scheme in [*elsewhere._OURS, *elsewhere._S3, *elsewhere._RCLONE]:
        for named in re.findall(r"([a-z0-9+]+)://[A-Z]", elsewhere.remedy_for(scheme) or ""):
            assert find(f"{named}://host/owner/name.git")
        with pytest.raises(TransferError):  # else the hint would be out of date
            find(f"{scheme}://host/x")


def test_nothing_is_known_of_others():
    assert elsewhere.remedy_for("gopher") is None
