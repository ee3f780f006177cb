"""Where a remote of rclone says that it connects to: judged before rclone is started for it.

rclone opens its connections itself. What can be known before are the hosts that the options of a
remote name, and those of the remotes that it wraps (alias, crypt, union …; connection strings:
https://rclone.org/docs/#connection-strings). Each is judged by its name and by the addresses that
it leads to at that moment. Hosts that rclone knows by itself, what names lead to later, redirects
and what a service answers with are its own affair.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import urlsplit

from ..errors import TransferError
from ..net import Policy, literal_address
from ..tools import run
from .rclone_errors import error_of_text
from .rclone_program import command, environment

Options = Mapping[str, str]

_HOST = re.compile(
    r"(.*_)?(host|url|endpoint|server|namenode|proxy|auth|satellite_address|upload_prefix|site)"
)
"""Options that name one host or several."""

_IN_TEXT = re.compile(r"://(?:[^/?#;,\s@]*@)?(\[[^\]]*\]|[^/?#;,:\s\"']+)(?::(\d+))?")
"""The host of each address in a text, such as Azure's connection string."""

_EMULATOR = re.compile(r"usedevelopmentstorage\s*=\s*true", re.IGNORECASE)
_EMULATED = ("127.0.0.1", 10_000)

_NO_HOSTS = {"type", "description", "doi", "host_key", "known_hosts"}
_SWITCHES = ("true", "false")

_REMOTE = re.compile(
    r"(?P<name>:?[^\s:,=/]+(?: +[^\s:,=/]+)*)"
    r"(?P<options>(?:,\w+(?:=(?:'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[^,:'\"]*))?)*):"
)
_OPTION = re.compile(r",(\w+)(?:=('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[^,:'\"]*))?")

_DEEPEST = 16


def hosts(options: Options) -> Iterator[tuple[str, int]]:
    """Host and port of each address that `options` name. Raises ``bad_request``."""
    for option, value in options.items():
        if option in _NO_HOSTS or not value or value in _SWITCHES:
            if option == "use_emulator" and value == "true":
                yield _EMULATED
            continue
        if _HOST.fullmatch(option):
            for one in value.split(","):
                yield from _host_of(option, one)
            continue
        for host, port in _IN_TEXT.findall(value):
            yield host.strip("[]"), int(port or 443)
        if _EMULATOR.search(value):
            yield _EMULATED
        bare = value.rpartition("@")[2].partition("/")[0]
        if bare.count(".") == 3 and literal_address(bare) is not None:
            yield bare, 443


def _host_of(option: str, text: str) -> Iterator[tuple[str, int]]:
    text = text.strip()
    try:
        parts = urlsplit(text if "//" in text else f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        message = f"The option “{option}” is no address."
        raise TransferError("bad_request", message) from None
    if host:
        yield host, port or 443


def judge(name: str, policy: Policy) -> None:
    """Judge the remote `name` of rclone.conf, or of the environment, and what it wraps. Raises
    ``address_refused``, and whatever reading the configuration fails of."""
    variables = environment()
    known = _configured(variables)
    pending = [(name, 0)]
    seen = set()
    while pending:
        one, depth = pending.pop()
        if one in seen or depth > _DEEPEST:
            continue
        seen.add(one)
        options = {**known(one), **_of_environment(one, variables)}
        pending += [(inner, depth + 1) for inner in _judge(options, policy)]


def _judge(options: Options, policy: Policy) -> list[str]:
    """Judge the hosts of `options`; the names of the remotes that they wrap."""
    for host, port in hosts(options):
        policy.check_behind_proxy(host, port)
    names = []
    for name, more in _wrapped(options):
        if more:
            names += _judge(more, policy)
        if name:
            names.append(name)
    return names


def _wrapped(options: Options) -> Iterator[tuple[str, Options]]:
    """Of each remote that `options` wrap its name, "" for one that is made up in place, and the
    options that are given with it."""
    texts = [options["remote"]] if options.get("remote") else []
    upstreams = options.get("upstreams", "")
    texts += next(csv.reader([upstreams], delimiter=" "), []) if upstreams else []
    for text in texts:
        # combine: folder=remote:path
        match = _REMOTE.match(re.sub(r"^[^:,=]*=", "", text))
        if match is None:
            continue  # a folder of this disk
        more = {key.lower(): _bare(value) for key, value in _OPTION.findall(match["options"])}
        name = match["name"]
        yield ("" if name.startswith(":") else name), more


def _bare(value: str) -> str:
    quote = value[:1]
    return value[1:-1].replace(quote * 2, quote) if quote and quote in "'\"" else value


def _configured(variables: Mapping[str, str]) -> Callable[[str], Options]:
    """What gives the options of a remote in the person's rclone.conf."""
    try:
        dumped = json.loads(run(command("config", ["dump"]), variables))
    except TransferError as error:
        if error.code != "internal":
            raise
        raise error_of_text(error.message) from None
    return lambda name: {key: str(value) for key, value in dumped.get(name, {}).items()}


def _of_environment(name: str, variables: Mapping[str, str]) -> Options:
    """The options of a remote that variables give (https://rclone.org/docs/#config-file)."""
    prefix = f"RCLONE_CONFIG_{name.upper().replace('-', '_')}_"
    return {
        key.removeprefix(prefix).lower(): value
        for key, value in variables.items()
        if key.startswith(prefix)
    }
