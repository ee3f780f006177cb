"""The fields of an object in a DataCube file, taken one by one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .documents import Json, bad

_NAME = re.compile(r"[A-Za-z0-9._-]{1,253}")
"""Of a secret, a config map, or a key in one (Kubernetes, "Object Names and IDs")."""


class Fields:
    """The fields of an object, taken one by one; what nobody takes is refused with its name."""

    def __init__(self, value: Mapping[str, Any], where: str) -> None:
        self._rest = dict(value)
        self._where = where

    def _name(self, field: str) -> str:
        return f"{self._where}.{field}" if self._where else field

    def take(self, field: str) -> Any:
        """The value of a field, None if there is none."""
        return self._rest.pop(field, None)

    def object(self, field: str, *, optional: bool = False) -> Fields:
        """A field that is an object; an empty one if it is missing and `optional`."""
        value = self.take(field)
        if value is None and optional:
            value = {}
        if not isinstance(value, dict):
            raise bad(self._name(field), "must be an object")
        return Fields(value, self._name(field))

    def text(self, field: str, *, optional: bool = False) -> str:
        """A field that is a text."""
        value = self.take(field)
        if value in (None, "") and optional:
            return ""
        if not isinstance(value, str) or not value:
            raise bad(self._name(field), "must be a text")
        return value

    def flag(self, field: str) -> bool:
        """A field that is true or false; false if it is missing."""
        value = self.take(field)
        if value not in (None, True, False):
            raise bad(self._name(field), "must be true or false")
        return bool(value)

    def number(self, field: str) -> int | None:
        """A field that is a whole number of 0 or more."""
        value = self.take(field)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise bad(self._name(field), "must be a whole number")
        return value

    def variables(self, field: str) -> tuple[Json, ...]:
        """A field that is a list of environment variables in Kubernetes' form."""
        value = self.take(field)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise bad(self._name(field), "must be a list")
        return tuple(variable(one, self._name(field)) for one in value)

    def done(self) -> None:
        """Refuse what is left."""
        if self._rest:
            raise bad(self._name(next(iter(self._rest))), "is no field of a DataCube")


def variable(value: Any, where: str) -> Json:
    if not isinstance(value, dict):
        raise bad(where, "must be a list of objects")
    fields = Fields(value, where)
    name = fields.text("name")
    where = f"{where}: {name}"
    plain, source = fields.take("value"), fields.take("valueFrom")
    fields.done()
    if (plain is None) == (source is None):
        raise bad(where, "wants either “value” or “valueFrom”")
    if source is None:
        if not isinstance(plain, (str, int, float, bool)):
            raise bad(where, "must have a text as its value")
        text = str(plain).lower() if isinstance(plain, bool) else str(plain)
        return {"name": name, "value": text}
    fields = Fields(source if isinstance(source, dict) else {}, where)
    for field_name, kind in (("secretKeyRef", "secret"), ("configMapKeyRef", "configMap")):
        reference = fields.take(field_name)
        if isinstance(reference, dict):
            inner = Fields(reference, f"{where}.{field_name}")
            found = {"kind": kind, "from": inner.text("name"), "key": inner.text("key")}
            for part in (found["from"], found["key"]):
                if not _NAME.fullmatch(part) or ".." in part:
                    raise bad(where, f"refers to “{part[:40]}”, which is no name")
            optional = inner.flag("optional")
            inner.done()
            fields.done()
            return {"name": name, **found, **({"optional": True} if optional else {})}
    raise bad(where, "must come from a secretKeyRef or a configMapKeyRef")
