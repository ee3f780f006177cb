"""Sending to the hub of Hugging Face: files become a commit, or a pull request."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar

from ..errors import TransferError
from ..names import alternative_names
from . import hub_address
from .base import Ability, Entry
from .committing import CommittingBackend, StagingSink
from .hub import HubBackend
from .hub_address import Place
from .hub_branch import Branch, Known, is_own, require_name
from .hub_client import HubClient
from .hub_listing import File
from .pins import Pins
from .sink import SourceFile


class HubSending(HubBackend, CommittingBackend):
    """What a backend of such a hub adds in order to be written to."""

    can: ClassVar[frozenset[Ability]] = frozenset({"fetch", "browse", "send", "delete"})

    @property
    @abstractmethod
    def client(self) -> HubClient:
        """See `HubBackend`."""

    @property
    def _pins(self) -> Pins:
        return Pins(self.context.state_dir, self.context.job)

    def alternatives(self, address: str) -> Iterator[str]:
        """As `Backend.alternatives`; paths are not encoded."""
        place = self.place(address)
        folder, slash, last = place.path.rpartition("/")
        for name in alternative_names(last):
            yield place.below(f"{folder}{slash}{name}").address

    def _branch(self, place: Place) -> Branch:
        """The branch of `place`, as all threads of the job know it."""
        root = place.below("", is_folder=True)
        known = self.context.shared.setdefault((self.name, self.hub, root), Known(root))
        with known.lock:
            pin = None if known.asked else self._pins.read(_request(root))
            if pin is not None:
                known.place, known.request = hub_address.parse(pin["branch"]), pin["page"]
        return Branch(
            self.client,
            known,
            create=self.option("create_repo"),
            private=self.option("private"),
            request=self.option("create_pr"),
        )

    def find(self, address: str) -> Entry | None:
        """As `Backend.find`, as it was when the job began."""
        place = self.place(address)
        branch = self._branch(place)
        last = place.path.rpartition("/")[2]
        if not place.path:
            return None if branch.head() is None else Entry(f"{self.name_for(address)}/", address)
        (found,) = branch.look([place.path])
        if isinstance(found, File):
            return self.entry(place, found, last)
        return None if found is None else Entry(f"{last}/", address)

    def held(self, address: str) -> Iterator[Entry]:
        """As `Backend.held`, without ``.gitattributes``, which says what goes by LFS."""
        place = self.place(address)
        start = len(place.path) + 1 if place.path else 0
        at_head = replace(place, revision=self._branch(place).head())
        for found in self.client.tree(at_head, recursive=True):
            if isinstance(found, File) and found.path.rpartition("/")[2] != ".gitattributes":
                yield replace(self.entry(place, found, found.path[start:]), member=True)

    def announce(self, files: Sequence[tuple[str, SourceFile]]) -> list[bool]:
        """See `CommittingBackend`: a file that .gitignore names is not taken."""
        if not files:
            return []
        places = [self.place(address) for address, _ in files]
        for place in places:
            require_name(place.path)
        branch = self._branch(places[0])
        meant = [
            (place.path, source)
            for place, (_, source) in zip(places, files, strict=True)
            if not is_own(place.path)
        ]
        branch.prepare()
        branch.look(path for path, _ in meant)
        modes = branch.modes(meant)
        taken = {path for (path, _), mode in zip(meant, modes, strict=True) if not mode.ignored}
        return [place.path in taken for place in places]

    def sink(self, address: str, source: SourceFile) -> StagingSink:
        """As `Backend.sink`: by LFS, or in the commit, as the hub wants to have the file."""
        from .hub_sink import CarriedSink, LfsSink  # noqa: PLC0415 - in workers only

        place = self.place(address)
        require_name(place.path)
        branch = self._branch(place)
        (mode,) = branch.modes([(place.path, source)])
        kind = LfsSink if mode.lfs else CarriedSink
        return kind(branch, address, place.path, source)

    def commit(self, staged: Sequence[StagingSink], doomed: Sequence[Entry] = ()) -> list[Entry]:
        """See `CommittingBackend`; `commit_message` and `create_pr` say how."""
        from .hub_commit import commit  # noqa: PLC0415 - in workers only
        from .hub_sink import HubSink  # noqa: PLC0415

        address = staged[0].address if staged else doomed[0].address
        branch = self._branch(self.place(address))
        gone = [(self.place(entry.address).path, entry) for entry in doomed]
        sinks = [sink for sink in staged if isinstance(sink, HubSink)]
        message = self.option("commit_message") or _message([one.path for one in sinks], gone)
        done = commit(branch, sinks, gone, message)
        if done.pull_request:
            pin = {"branch": branch.place.address, "page": done.pull_request}
            self._pins.keep(_request(self.place(address).below("")), pin)
            self.context.note("pull_request", f"The pull request is {done.pull_request}.")
        where = branch.place if branch.known.request else None
        return [
            replace(self.entry(branch.place, file, sink.source.name), address=there)
            for sink, file in zip(sinks, done.files, strict=True)
            for there in [where.below(file.path).address if where else ""]
        ]

    def delete(self, entries: Sequence[Entry]) -> list[TransferError | None]:
        """As `Backend.delete`, in a commit."""
        if entries:
            self.commit([], entries)
        return [None] * len(entries)


def _request(root: Place) -> str:
    """By what a pull request of a job is kept among its pins."""
    return f"pull request to {root.address}"


def _message(paths: Sequence[str], gone: Sequence[object]) -> str:
    """What a commit is called that nobody has named."""
    added = f"Upload {paths[0] if len(paths) == 1 else f'{len(paths)} files'}" if paths else ""
    files = "1 file" if len(gone) == 1 else f"{len(gone)} files"
    deleted = f"{'delete' if added else 'Delete'} {files}" if gone else ""
    return ", ".join(one for one in (added, deleted) if one)
