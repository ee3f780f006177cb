"""Sending to the hub of ModelScope: files become a commit."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace

from .base import Entry
from .committing import StagingSink
from .hub_address import Place
from .hub_known import Known, is_own, require_name
from .hub_sending import HubSending, message_of
from .modelscope_branch import ModelScopeBranch
from .modelscope_client import ModelScopeClient
from .sink import SourceFile

_OWN = ".ms_upload_cache"
"""What the official client notes in a folder that it sends."""


class ModelScopeSending(HubSending):
    """What the backend of such a hub adds in order to be written to."""

    most_files = 2000
    most_carried = 6 << 20

    @property
    @abstractmethod
    def client(self) -> ModelScopeClient:
        """See `HubBackend`."""

    def branch_of(self, place: Place) -> ModelScopeBranch:
        """See `HubSending`."""
        root = place.below("", is_folder=True)
        known = self.context.shared.setdefault((self.name, self.hub, root), Known(root))
        return ModelScopeBranch(
            self.client, known, create=self.option("create_repo"), private=self.option("private")
        )

    def announce(self, files: Sequence[tuple[str, SourceFile]]) -> list[bool]:
        """See `CommittingBackend`."""
        if not files:
            return []
        paths = [self.place(address).path for address, _ in files]
        for path in paths:
            require_name(path)
        branch = self.branch_of(self.place(files[0][0]))
        branch.prepare()
        taken = [not is_own(path) and path.rpartition("/")[2] != _OWN for path in paths]
        branch.look(path for path, takes in zip(paths, taken, strict=True) if takes)
        return taken

    def sink(self, address: str, source: SourceFile) -> StagingSink:
        """As `Backend.sink`: to the store, or in the commit."""
        from .modelscope_sink import Carried, Stored, is_stored  # noqa: PLC0415 - in workers only

        place = self.place(address)
        require_name(place.path)
        branch = self.branch_of(place)
        branch.prepare()
        kind = Stored if is_stored(place.kind, place.path, source.size) else Carried
        return kind(branch, address, place.path, source)

    def commit(self, staged: Sequence[StagingSink], doomed: Sequence[Entry] = ()) -> list[Entry]:
        """See `CommittingBackend`; `commit_message` says what it is called."""
        from .hub_sink import HubSink  # noqa: PLC0415 - in workers only
        from .modelscope_commit import MOST, commit  # noqa: PLC0415

        address = staged[0].address if staged else doomed[0].address
        branch = self.branch_of(self.place(address))
        gone = [(self.place(entry.address).path, entry) for entry in doomed]
        sinks = [sink for sink in staged if isinstance(sink, HubSink)]
        message = self.option("commit_message") or message_of([one.path for one in sinks], gone)
        if len(sinks) + len(gone) > MOST:
            self.context.note(
                "several_commits",
                "The changes come in several commits: there are too many for one.",
            )
        files = commit(branch, sinks, gone, message, self.caller)
        return [
            replace(self.entry(branch.place, file, sink.source.name), address="")
            for sink, file in zip(sinks, files, strict=True)
        ]
