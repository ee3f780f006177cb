"""ModelScope: the conformance suite against the stand-in hub, files in its store and in git."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from ..servers.modelscope import BRANCH, TOKEN, running_modelscope
from .contract import BackendContract
from .contract_send import SinkContract
from .site import Access, CannotHold, Site


@pytest.fixture(scope="module")
def hub():
    with running_modelscope() as running:
        yield running


class ModelScopeSite(Site):
    """A private repository."""

    def __init__(self, hub, kind, *, lfs):
        self.hub = hub
        self.lfs = lfs
        hub.store.clear()  # else it has the files of other tests
        self.repo = hub.repo(kind=kind, private=True, members={"me"})
        self.repo.commit({}, BRANCH)
        self.options = {"endpoint": hub.url, "token": TOKEN}

    def put(self, name, data):
        if "\0" in name:
            raise CannotHold
        self.repo.commit({name: data}, BRANCH, lfs=self.lfs)

    def read(self, name):
        blob = self._tree.get(name)
        return None if blob is None else blob.data

    def names(self):
        return sorted(self._tree)

    @property
    def _tree(self):
        return self.repo.commits[self.repo.refs[BRANCH]]

    def access(self, name=""):
        prefix = "" if self.repo.kind == "models" else "datasets/"
        address = f"modelscope://{prefix}{self.repo.id}/{name}".rstrip("/")
        return Access(address, dict(self.options), secrets=(TOKEN,))

    def denied(self, name, how):
        access = self.access(name)
        if how == "missing":
            return Access(access.address, {"endpoint": self.hub.url})
        wrong = "ms-aTokenThatNobodyHas0123456789"
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


class TestDatasetInTheStore(SinkContract, BackendContract):
    pinned = True
    parts = False  # a file is one request

    @pytest.fixture
    def site(self, hub):
        return ModelScopeSite(hub, "datasets", lfs=True)


class TestModelInGit(BackendContract):
    pinned = True
    ranges = False  # such files are sent whole, whatever range is asked for

    @pytest.fixture
    def site(self, hub):
        return ModelScopeSite(hub, "models", lfs=False)
