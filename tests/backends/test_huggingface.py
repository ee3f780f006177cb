"""Hugging Face: the conformance suite against the stand-in hub, files in LFS and in git."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from ..servers.huggingface import TOKEN, running_hub
from .contract import BackendContract
from .contract_send import SinkContract
from .site import Access, CannotHold, Site


@pytest.fixture(scope="module")
def hub():
    with running_hub() as running:
        yield running


class HubSite(Site):
    """A private repository."""

    def __init__(self, hub, *, lfs):
        self.hub = hub
        self.lfs = lfs
        hub.store.clear()  # else it has the files of other tests
        self.repo = hub.repo(private=True, members={"me"}, lfs=lfs)
        self.repo.commit({})
        self.options = {"endpoint": hub.url, "token": TOKEN}

    def put(self, name, data):
        if "\0" in name:
            raise CannotHold
        self.repo.commit({name: data}, lfs=self.lfs)

    def read(self, name):
        blob = self._tree.get(name)
        return None if blob is None else blob.data

    def names(self):
        return sorted(self._tree)

    @property
    def _tree(self):
        return self.repo.commits[self.repo.refs["main"]]

    def access(self, name=""):
        address = f"hf://{self.repo.id}/{name}".rstrip("/")
        return Access(address, dict(self.options), secrets=(TOKEN,))

    def denied(self, name, how):
        access = self.access(name)
        if how == "missing":
            return Access(access.address, {"endpoint": self.hub.url})
        wrong = "hf_aTokenThatNobodyHas0123456789"
        return Access(access.address, {**self.options, "token": wrong}, secrets=(wrong,))

    def short_lived(self):
        return self._expiring() if self.lfs else None

    @contextmanager
    def _expiring(self):
        self.hub.lifetime = 3.0
        try:
            yield
        finally:
            self.hub.lifetime = 3600.0


class TestLfs(SinkContract, BackendContract):
    pinned = True
    parts = False  # of what was sent in parts the store tells no later process

    @pytest.fixture
    def site(self, hub):
        return HubSite(hub, lfs=True)


class TestGit(SinkContract, BackendContract):
    pinned = True
    parts = False
    large = 3_000_017

    @pytest.fixture
    def site(self, hub):
        return HubSite(hub, lfs=False)
