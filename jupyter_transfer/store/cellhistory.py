"""The history of IPython, whose file is not ours: texts in it that must not stay there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def replace_texts(db: Any, session: int, texts: Iterable[tuple[str, str, str]]) -> None:
    """In the `session` of the history that the connection `db` leads to, each raw source of
    `texts` becomes the second text there, and the source that goes with it the third. What stood
    there is overwritten with zeros (https://www.sqlite.org/pragma.html#pragma_secure_delete).

    Raises what the database says.
    """
    db.execute("pragma secure_delete = on")
    with db:
        db.executemany(
            "update history set source_raw = ?2, source = ?3 "
            "where session = ?4 and source_raw = ?1",
            [(*three, session) for three in texts],
        )
