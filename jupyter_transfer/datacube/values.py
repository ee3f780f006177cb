"""What the options of a DataCube hold: texts, ``$(NAME)`` in them, secrets and config maps."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from ..errors import TransferError
from .documents import Json, bad

Lookup = Callable[[str, str, str], str]
"""``(kind, name, key)`` -> the value in a ``secret`` or ``configMap``. Raises
``needs_credentials``."""

Reference = tuple[str, str, str]
"""Kind, name and key of a value that stands in a ``secret`` or ``configMap``."""

MAX_VALUE = 64 << 10
"""Characters of a value with all names in it replaced."""

MAX_CHAIN = 16
"""Names in a value in a value …"""

_NAME = re.compile(r"\$\$|\$\(([A-Za-z_.-][A-Za-z0-9_.-]*)\)")


def expand(text: str, known: Mapping[str, str]) -> str:
    """`text` with each ``$(NAME)`` that is known replaced; ``$$`` is a dollar sign, and what is not
    known stays (Kubernetes API, EnvVar.value)."""
    return _expand(text, known.get)


def _expand(text: str, find: Callable[[str], str | None]) -> str:
    def put_in(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        value = find(match[1])
        return match[0] if value is None else value

    return _NAME.sub(put_in, text)


def names_in(text: str) -> list[str]:
    """The names that stand in `text` as ``$(NAME)``."""
    return [match[1] for match in _NAME.finditer(text) if match[1]]


def reference_of(variable: Json) -> Reference | None:
    """Where the value of `variable` stands, None if it is a text."""
    if "value" in variable:
        return None
    return variable["kind"], variable["from"], variable["key"]


class Values:
    """The options of a DataCube by name, each looked up when it is asked for.

    Parameters
    ----------
    options, environment: variables as `fields.variable` reads them.
    look_up: finds secrets and config maps.
    refer: what stands for a secret that a job takes as it is, where it need not be known: a
        reference that may be written down; None to look that up, too.
    """

    def __init__(
        self,
        options: Sequence[Json],
        environment: Sequence[Json],
        look_up: Lookup,
        refer: Lookup | None,
    ) -> None:
        self._options = {variable["name"]: variable for variable in options}
        named = {variable["name"].upper(): variable for variable in options}
        self._variables = {**{v["name"]: v for v in environment}, **named}
        self._look_up = look_up
        self._refer = refer
        self._found: dict[str, str | None] = {}
        self._chain: list[str] = []

    def __getitem__(self, option: str) -> str:
        """The value of an option that must be there. Raises ``needs_credentials``,
        ``bad_request``."""
        value = self.variable(option.upper())
        if not value:
            raise bad(f"options: {option}", "is empty")
        return value

    def get(self, option: str) -> str:
        """The value of an option; "" if there is none."""
        return (self.variable(option.upper()) or "") if option in self._options else ""

    def secret(self, option: str) -> str:
        """The value of an option that is secret, or a reference to it; "" if there is none."""
        if not self.refers(option):
            return self.get(option)
        variable = self._options[option]
        assert self._refer is not None
        return self._refer(variable["kind"], variable["from"], variable["key"])

    def refers(self, option: str) -> bool:
        """Whether `secret` answers with a reference."""
        variable = self._options.get(option)
        return self._refer is not None and variable is not None and "value" not in variable

    def text(self, option: str) -> str:
        """What the file says of an option, with nothing replaced; "" if it says where it stands."""
        return str(self._options.get(option, {}).get("value", ""))

    def variable(self, name: str) -> str | None:
        """The value of a variable of the environment, None if there is none. One that its own value
        names is not known there."""
        if name in self._found:
            return self._found[name]
        if name not in self._variables or name in self._chain:
            return None
        if len(self._chain) >= MAX_CHAIN:
            raise bad(name, "holds too many names in names")
        self._chain.append(name)
        try:
            value = self._value(self._variables[name])
        finally:
            self._chain.pop()
        if value is not None and len(value) > MAX_VALUE:
            raise bad(name, f"is longer than {MAX_VALUE:,} characters")
        self._found[name] = value
        return value

    def replaced(self, text: str) -> str:
        """`text` with the names in it replaced."""
        return _expand(text, self.variable)

    def _value(self, variable: Json) -> str | None:
        if "value" in variable:
            return self.replaced(variable["value"])
        try:
            return self._look_up(variable["kind"], variable["from"], variable["key"])
        except TransferError as error:
            if error.code == "needs_credentials" and variable.get("optional"):
                return None
            raise
