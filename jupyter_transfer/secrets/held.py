"""What a job holds in memory."""

from __future__ import annotations

import getpass
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from .credential import Credential, is_secret
from .masks import LEAST_TO_REFUSE, MASKS


def secrets_in(value: str) -> list[str]:
    """`value` of a secret option, and the parts of it that are secret by themselves: the values of
    header lines, of the secret parameters of a query, and of a JSON object."""
    found = [value]
    for line in value.splitlines():
        name, colon, rest = line.partition(":")
        if colon and _FIELD_NAME.fullmatch(name.strip()):
            found += [rest.strip(), *rest.split()]
    for parameter in value.rpartition("?")[2].split("&"):
        if is_secret(parameter):
            found.append(unquote(parameter.partition("=")[2]))
    if value.lstrip().startswith("{"):
        with suppress(ValueError):
            found += [one for one in json.loads(value).values() if isinstance(one, str)]
    return [value] + [one for one in found[1:] if len(one) >= LEAST_TO_REFUSE]


_FIELD_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


@dataclass(frozen=True)
class Held:
    """What a job may use and nobody may read, kept in memory under the job's id.

    Parameters
    ----------
    credential: the userinfo of the address, of a copy's source.
    destination: the userinfo of the destination of a copy.
    options: values of secret options by their names.
    """

    credential: Credential | None = None
    destination: Credential | None = None
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __bool__(self) -> bool:
        return bool(self.credential or self.destination or self.options)

    def and_then(self, other: Held) -> Held:
        """Both; what `other` has counts more."""
        return Held(
            other.credential or self.credential,
            other.destination or self.destination,
            {**self.options, **other.options},
        )

    def values(self) -> list[str]:
        """All that must not be seen."""
        both = [one for one in (self.credential, self.destination) if one is not None]
        texts = [text for value in self.options.values() for text in secrets_in(value)]
        return [*(text for one in both for text in one.secrets()), *texts]

    def as_dict(self) -> dict[str, Any]:
        """All of it in clear, for the pipe to a worker only."""
        return {
            "credential": self.credential.as_dict() if self.credential else None,
            "destination": self.destination.as_dict() if self.destination else None,
            "options": dict(self.options),
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any] | None) -> Held:
        """What `as_dict` wrote; None is nothing."""
        value = value or {}
        return cls(
            Credential.from_dict(value.get("credential")),
            Credential.from_dict(value.get("destination")),
            dict(value.get("options") or {}),
        )


def ask_secret(prompt: str) -> str:
    """What the person at the terminal types, which is not shown; it is masked in texts from now
    on."""
    secret = getpass.getpass(prompt)
    MASKS.add(secret)
    return secret


class Vault:
    """The secrets of the jobs of this process, in its memory only. What is held is masked in
    every text that `redact` sees."""

    def __init__(self) -> None:
        self._held: dict[str, Held] = {}

    def __contains__(self, id: str) -> bool:
        return id in self._held

    def get(self, id: str) -> Held:
        """What the job `id` holds; nothing is an empty `Held`."""
        return self._held.get(id, Held())

    def add(self, id: str, held: Held) -> None:
        """The job `id` holds this, too."""
        before = self.get(id)
        self._held[id] = before.and_then(held)
        MASKS.add(*self._held[id].values())
        MASKS.drop(*before.values())

    def drop(self, id: str) -> None:
        """Forget what the job `id` holds."""
        held = self._held.pop(id, None)
        if held is not None:
            MASKS.drop(*held.values())
