"""Sending to the hub of Hugging Face: files become a commit, or a pull request."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace

from ..errors import TransferError
from . import hub_address
from .base import Entry
from .committing import StagingSink
from .hub_address import Place
from .hub_branch import HuggingFaceBranch
from .hub_client import HubClient
from .hub_known import Known, is_own, require_name
from .hub_listing import File
from .hub_sending import HubSending, message_of
from .pins import Pins
from .sink import SourceFile


class HuggingFaceSending(HubSending):
    """What a backend of such a hub adds in order to be written to."""

    @property
    @abstractmethod
    def client(self) -> HubClient:
        """See `HubBackend`."""

    @property
    def _pins(self) -> Pins:
        return Pins(self.context.state_dir, self.context.job)

    def branch_of(self, place: Place) -> HuggingFaceBranch:
        """See `HubSending`."""
        if place.kind == "bucket":
            raise TransferError(
                "bad_request",
                "Nothing can be sent to a bucket from here.",
                "Send it to a model or a dataset.",
            )
        root = place.below("", is_folder=True)
        known = self.context.shared.setdefault((self.name, self.hub, root), Known(root))
        with known.lock:
            pin = None if known.asked else self._pins.read(_request(root))
            known.tried = known.tried or pin is not None
            if pin is not None and "branch" in pin:
                known.place, known.request = hub_address.parse(pin["branch"]), pin["page"]
        return HuggingFaceBranch(
            self.client,
            known,
            create=self.option("create_repo"),
            private=self.option("private"),
            request=self.option("create_pr"),
        )

    def find(self, address: str) -> Entry | None:
        """As `HubSending.find`; of a bucket as it is now."""
        place = self.place(address)
        if place.kind != "bucket":
            return super().find(address)
        if not place.path:
            return Entry(f"{self.name_for(address)}/", address)
        found, last = self.client.look(place), place.path.rpartition("/")[2]
        if isinstance(found, File):
            return self.entry(place, found, last)
        return None if found is None else Entry(f"{last}/", address)

    def announce(self, files: Sequence[tuple[str, SourceFile]]) -> list[bool]:
        """See `CommittingBackend`: a file that .gitignore names is not taken."""
        if not files:
            return []
        places = [self.place(address) for address, _ in files]
        for place in places:
            require_name(place.path)
        branch = self.branch_of(places[0])
        meant = [
            (place.path, source)
            for place, (_, source) in zip(places, files, strict=True)
            if not is_own(place.path)
        ]
        branch.prepare()
        branch.look(path for path, _ in meant)
        modes = branch.modes(meant)
        branch.expect([one for one, mode in zip(meant, modes, strict=True) if not mode.ignored])
        taken = {path for (path, _), mode in zip(meant, modes, strict=True) if not mode.ignored}
        return [place.path in taken for place in places]

    def sink(self, address: str, source: SourceFile) -> StagingSink:
        """As `Backend.sink`: by LFS, or in the commit, as the hub wants to have the file."""
        from .hub_sink import CarriedSink, LfsSink  # noqa: PLC0415 - in workers only

        place = self.place(address)
        require_name(place.path)
        branch = self.branch_of(place)
        (mode,) = branch.modes([(place.path, source)])
        kind = LfsSink if mode.lfs else CarriedSink
        return kind(branch, address, place.path, source)

    def commit(self, staged: Sequence[StagingSink], doomed: Sequence[Entry] = ()) -> list[Entry]:
        """See `CommittingBackend`; `commit_message` and `create_pr` say how."""
        from .hub_commit import commit  # noqa: PLC0415 - in workers only
        from .hub_sink import HubSink  # noqa: PLC0415

        address = staged[0].address if staged else doomed[0].address
        branch = self.branch_of(self.place(address))
        gone = [(self.place(entry.address).path, entry) for entry in doomed]
        sinks = [sink for sink in staged if isinstance(sink, HubSink)]
        message = self.option("commit_message") or message_of([one.path for one in sinks], gone)
        before, key = branch.known.request, _request(self.place(address).below(""))
        if branch.as_pull_request:
            self._pins.keep(key, {"tried": True})
        done = commit(branch, sinks, gone, message)
        if done.pull_request and done.pull_request != before:
            pin = {"branch": branch.place.address, "page": done.pull_request}
            self._pins.keep(key, pin)
            self.context.note("pull_request", f"The pull request is {done.pull_request}.")
        where = branch.place if branch.known.request else None
        return [
            replace(self.entry(branch.place, file, sink.source.name), address=there)
            for sink, file in zip(sinks, done.files, strict=True)
            for there in [where.below(file.path).address if where else ""]
        ]


def _request(root: Place) -> str:
    """By what a pull request of a job is kept among its pins."""
    return f"pull request to {root.address}"
