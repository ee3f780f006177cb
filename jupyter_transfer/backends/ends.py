"""The options of a job between two services, and what each of its ends sees of them.

An option belongs to the source, unless only the destination declares it. Where both declare one,
that of the destination is called ``dest_…``; so are user name and password, which every service
may want. Where both ends are one service, the destination goes by what was said of the source,
unless a ``dest_…`` option says who asks there. Nothing that was said of one service is ever told to
another.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from ..secrets import Credential
from . import find
from .base import Backend, Context, Option

End = Literal["source", "destination"]
Kind = type[Backend]

PREFIX = "dest_"

_EVERYBODYS = ("username", "password")
"""Options that any service may want, declared or not."""

_OF_ADDRESS = ("query",)
"""Options that are a part of one address; no other one gets them."""


def options_between(source: Kind, destination: Kind) -> dict[str, tuple[End, Option]]:
    """The options of a job from `source` to `destination` by their names in the job, with the end
    that they are of."""
    found: dict[str, tuple[End, Option]] = {
        option.name: ("source", option) for option in source.options if option.side != "destination"
    }
    taken = {*found, *_EVERYBODYS, *_OF_ADDRESS}
    for option in destination.options:
        if option.side != "source":
            name = PREFIX + option.name if option.name in taken else option.name
            found[name] = ("destination", replace(option, name=name))
    return found


def context_of(context: Context, source: str, destination: str, end: End) -> Context:
    """What the backend of `end` works with in a job between two services that works with
    `context`."""
    kinds = find(source), find(destination)
    declared = options_between(*kinds)
    given = {k: v for k, v in context.options.items() if v is not None}
    common = {k: v for k, v in given.items() if k not in declared and not k.startswith(PREFIX)}
    if end == "source":
        own = {k: v for k, v in given.items() if declared.get(k, ("",))[0] == "source"}
        return replace(context, options={**common, **own}, destination_credential=None)
    options = {
        option.name.removeprefix(PREFIX): given[name]
        for name, (whose, option) in declared.items()
        if whose == "destination" and name in given
    }
    credential = context.destination_credential or _credential(given)
    if _is_one_service(source, destination) and not credential and not _says_who(kinds[1], given):
        credential = context.credential
        both = {option.name for option in kinds[1].options if option.side == "both"}
        options = {n: given[n] for n in both - {*_OF_ADDRESS} if n in given} | options
    common = {k: v for k, v in common.items() if k not in _EVERYBODYS}
    return replace(
        context,
        options={**common, **options},
        credential=credential,
        destination_credential=None,
    )


def name_at_destination(source: str, destination: str, option: str) -> str:
    """What the option of the destination is called in the job."""
    name = PREFIX + option
    declared = options_between(find(source), find(destination))
    always = option in (*_EVERYBODYS, *_OF_ADDRESS)
    return name if name in declared or always else option


def _credential(given: dict[str, Any]) -> Credential | None:
    name, password = (str(given.get(PREFIX + one) or "") for one in _EVERYBODYS)
    return Credential(name, password) if name or password else None


def _is_one_service(source: str, destination: str) -> bool:
    kind, other = find(source), find(destination)
    return kind is other and kind.service_of(source) == kind.service_of(destination)


def _says_who(destination: Kind, given: dict[str, Any]) -> bool:
    return any(PREFIX + name in given for name in destination.who)
