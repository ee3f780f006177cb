"""Uploads asked as a client would: whole requests of one call each."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import pytest

from jupyter_transfer.errors import TransferError
from jupyter_transfer.uploads.append import UploadState
from jupyter_transfer.uploads.manager import Uploads

from ..handlers.tus_client import metadata


async def create(
    uploads: Uploads, length: int | None, owner: str = "me", data: bytes = b"", **pairs: str
) -> str:
    """The id of a new upload of `length` bytes, of which `data` are the first, with the metadata
    `pairs`."""
    append = await uploads.create(owner, length, metadata(**pairs))
    append.feed(data)
    return (await append.finish()).upload.id


async def put(
    uploads: Uploads, id: str, offset: int, data: bytes, *, complete: bool = False, **options: Any
) -> UploadState:
    """Where the upload `id` stands after one request with `data`."""
    append = await uploads.append("me", id, offset, **options)
    append.feed(data)
    return await append.finish(complete=complete)


async def error_of(awaitable: Awaitable[Any]) -> TransferError:
    """What `awaitable` raises."""
    with pytest.raises(TransferError) as caught:
        await awaitable
    return caught.value
