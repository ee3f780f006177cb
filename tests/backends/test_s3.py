"""S3: the conformance suite against three servers that differ."""

from __future__ import annotations

import re
import uuid
from contextlib import contextmanager

import pytest

from jupyter_transfer.backends import s3client

from ..servers.s3 import KEY, SECRET, STARTERS
from .contract import BackendContract
from .contract_send import SinkContract
from .site import Access, CannotHold, Site


@pytest.fixture(autouse=True)
def no_aws(monkeypatch, tmp_path):
    """Nothing of this machine's own AWS configuration is found."""
    import os

    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(scope="module", params=list(STARTERS))
def server(request, tmp_path_factory):
    with STARTERS[request.param](tmp_path_factory.mktemp(request.param)) as running:
        yield running


class S3Site(Site):
    """A bucket."""

    def __init__(self, server):
        self.server = server
        self.client = server.client()
        self.bucket = f"b{uuid.uuid4().hex[:20]}"
        self.client.create_bucket(Bucket=self.bucket)
        self.options = {
            "endpoint": server.url,
            "access_key_id": KEY,
            "secret_access_key": SECRET,
        }

    def put(self, name, data):
        from botocore.exceptions import ClientError

        try:
            self.client.put_object(Bucket=self.bucket, Key=name, Body=data)
        except ClientError as error:
            raise CannotHold from error
        if not re.fullmatch(r"[\w-][\w. -]*", name) and name not in self.names():
            raise CannotHold  # it was kept under another name

    def access(self, name=""):
        return Access(f"s3://{self.bucket}/{name}", dict(self.options), secrets=(SECRET,))

    def denied(self, name, how):
        if not self.server.refuses:
            return None
        if how == "missing":
            options = {"endpoint": self.server.url, "anonymous": True}
            return Access(f"s3://{self.bucket}/{name}", options)
        wrong = "wrong-but-a-secret-all-the-same-0123456789"
        options = {**self.options, "secret_access_key": wrong}
        return Access(f"s3://{self.bucket}/{name}", options, secrets=(wrong,))

    @contextmanager
    def short_lived(self):
        before, s3client.EXPIRY = s3client.EXPIRY, 3  # a slow machine needs some of it
        try:
            yield
        finally:
            s3client.EXPIRY = before

    def read(self, name):
        try:
            return self.client.get_object(Bucket=self.bucket, Key=name)["Body"].read()
        except self.client.exceptions.NoSuchKey:
            return None

    def names(self):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return sorted(o["Key"] for page in pages for o in page.get("Contents", []))

    def leftovers(self):
        there = self.client.list_multipart_uploads(Bucket=self.bucket)
        return [upload["Key"] for upload in there.get("Uploads", [])]


class TestS3(BackendContract, SinkContract):
    @pytest.fixture
    def site(self, server):
        return S3Site(server)
