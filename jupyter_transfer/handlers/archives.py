"""``archive``: a selection as one file, made while it is sent.

``GET archive?path=a&path=b/c`` for links; ``POST archive`` freezes a selection that is too long
for a URL, or whose download the panel shall show, and answers with the address to follow.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from jupyter_server.utils import url_path_join

from ..archives.manager import FORMATS, Archive
from ..errors import TransferError
from .base import allow
from .conditions import Validators
from .delivery import DeliveryHandler, Representation

MAX_PATHS = 10_000
"""Selected files and folders at most; what lies in the folders is not counted."""


class ArchiveHandler(DeliveryHandler):
    """Selections, kept or not."""

    @allow(("read", "contents"))
    async def get(self) -> None:
        """The archive, or the range of it that is asked for."""
        await self._answer()

    @allow(("read", "contents"))
    async def head(self) -> None:
        """What GET would say about the archive."""
        await self._answer()

    @allow(("read", "contents"))
    async def post(self) -> None:
        """Freeze a selection, open a job for its download and tell where to fetch it."""
        self._require_enabled()
        paths, format, name = _selection(self.json_body())
        archives = self.transfer.archives
        archive = await archives.prepare(self.transfer.root, paths, format, name, self.gone)
        await archives.keep(archive, self.owner)
        self.write_json(_as_dict(archive, self.base_url), status=201)

    async def _answer(self) -> None:
        self._require_enabled()
        archives, root = self.transfer.archives, self.transfer.root
        query = self._query()
        if "id" in query:
            # No XSRF check: nobody else can know the id, and it is bound to its owner.
            archive = archives.get(query["id"][-1], self.owner)
        else:
            self.check_xsrf_cookie()
            archive = await archives.prepare(
                root,
                query.get("path", []),
                query.get("format", FORMATS)[-1],
                query.get("name", [""])[-1],
                self.gone,
            )
        layout = archive.layout
        # No time: the latest change of a member stays the same when another one goes.
        await self.deliver(
            Representation(archive.name, layout.size, Validators(layout.etag)),
            lambda start, end: archives.source(root, archive, start, end, self.gone),
            lambda start: archives.sending(archive, start, self.cut),
        )

    def _require_enabled(self) -> None:
        if not self.transfer.archives_enabled:
            raise TransferError("disabled", "Archives are switched off on this server.")

    def _query(self) -> dict[str, list[str]]:
        # Not get_query_arguments, which strips spaces and control characters of file names.
        try:
            return parse_qs(
                self.request.query,
                keep_blank_values=True,
                errors="surrogateescape",
                max_num_fields=MAX_PATHS,
            )
        except ValueError:
            raise TransferError("bad_request", "The query has too many fields.") from None


def _selection(body: Any) -> tuple[list[str], str, str]:
    """Paths, format and name in the body of a POST. Raises ``bad_request``."""
    if not isinstance(body, dict):
        raise TransferError("bad_request", "The body must be a JSON object.")
    unknown = sorted(set(body) - {"paths", "format", "name"})
    if unknown:
        raise TransferError("bad_request", f"Unknown field: {', '.join(unknown)[:100]}.")
    paths = body.get("paths")
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise TransferError("bad_request", "The field “paths” must be a list of texts.")
    if len(paths) > MAX_PATHS:
        raise TransferError(
            "bad_request",
            f"More than {MAX_PATHS} files and folders are selected.",
            "Select the folder that holds them.",
        )
    format, name = body.get("format", FORMATS[0]), body.get("name", "")
    if not isinstance(format, str) or not isinstance(name, str):
        raise TransferError("bad_request", "The fields “format” and “name” must be texts.")
    return paths, format, name


def _as_dict(archive: Archive, base_url: str) -> dict[str, Any]:
    manifest = archive.manifest
    return {
        "id": archive.id,
        "url": url_path_join(base_url, "jupyter-transfer/archive") + f"?id={archive.id}",
        "name": archive.name,
        "size": archive.layout.size,
        "files": manifest.files,
        "etag": archive.layout.etag,
        "job": archive.job,
        "skipped": [
            {"path": skipped.path, "reason": skipped.reason} for skipped in manifest.skipped
        ],
        "skipped_total": manifest.skipped_total,
    }


ROUTES = [(r"jupyter-transfer/archive", ArchiveHandler)]
