"""A send by a program of the backend's own: large files one after the other, small ones in groups.
Where they go, what stands there already, what was sent before and the report are those of any send.
"""

from __future__ import annotations

from collections.abc import Iterable

from .filling import AT_RISK, Way
from .lanes import SMALL
from .outgoing import Lane, Outgoing
from .retry import Retries
from .sendrun import SendRun
from .toolgroup import ToolGroup
from .toolsend import ToolFileSend
from .walk import Found

GROUP = 100
"""Files that are sent together, at most."""


class ToolSendRun(SendRun):
    """One run of a send job whose bytes a program moves."""

    file_send = ToolFileSend

    def _send_many(self, lane: Lane, outgoing: Outgoing, files: Iterable[Found]) -> None:
        assert self._journal is not None
        way = Way(lane.transport, lane.control, lane.tally, Retries())
        groups = ToolGroup(self._root, self._journal, outgoing, lane, way)
        group: list[Found] = []
        size = 0
        for found in files:
            self._control.check()
            if found.size > SMALL or found.left_out:
                self._send_one(lane, outgoing, found)
                continue
            if group and (len(group) >= GROUP or size + found.size > self._room()):
                self._send_group(groups, lane, outgoing, group)
                group, size = [], 0
            group.append(found)
            size += found.size
        self._send_group(groups, lane, outgoing, group)

    def _room(self) -> int:
        """Bytes of one group: what the bandwidth lets through in a second, since what is under
        way is lost when the job is stopped."""
        rate = self._control.bandwidth.rate
        return AT_RISK if rate is None else min(AT_RISK, rate)

    def _send_group(
        self, groups: ToolGroup, lane: Lane, outgoing: Outgoing, group: list[Found]
    ) -> None:
        if len(group) > 1:
            groups.send(group)
            self._tally.bytes = 0
            for finished in groups.finished:
                self._settle(finished)
            self._tell()
            group = groups.left
        for found in group:
            self._send_one(lane, outgoing, found)
