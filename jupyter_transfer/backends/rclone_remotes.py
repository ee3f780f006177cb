"""Remotes that stand in no rclone.conf: made of a job's options, told to rclone by variables of its
environment only (https://rclone.org/docs/#config-file), never written to a disk.

What could lead elsewhere than to a service is refused: kinds that wrap other remotes or this disk,
options that name programs or files of this server, hosts that the address policy refuses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ..errors import TransferError
from ..net import Policy
from ..secrets import MASKS, is_reference
from .base import Option
from .rclone_addresses import hosts
from .rclone_program import IN_MEMORY, obscured, providers

OPTIONS = (
    Option("remote_type", help="Kind of a remote that is not in rclone.conf, such as webdav"),
    Option("remote_options", help="Its options without secrets: a JSON object"),
    Option("remote_secrets", help="Its passwords, keys and tokens: a JSON object", secret=True),
)

_PLAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_KIND = re.compile(r"[a-z0-9][a-z0-9 ]*")
_OPTION = re.compile(r"[a-z][a-z0-9_]*")

_NEVER = {"local", "alias", "archive", "cache", "chunker", "combine", "compress", "crypt"} | {
    "hasher",
    "union",
}
_FORBIDDEN = re.compile(
    r".*_(command|file|path|socket)|ssh|remote|upstreams|unix_socket|profile|config_profile"
)
_OF_ACCOUNT = re.compile(
    r"env_auth|use_msi|use_az|key_use_agent|use_kerberos|kerberos_ccache|service_principal_name"
)
"""Options by which a remote takes what lies around: variables, the machine's role, ssh-agent,
tickets of Kerberos."""

_SECRET = re.compile(r"pass|secret|token|(^|_)(key|pem|2fa)$|credential|sas_url|cookie|mnemonic")


def check(name: str, options: Mapping[str, Any], policy: Policy) -> None:
    """Judge a remote without a network. Raises ``bad_request``, ``address_refused``."""
    kind = options.get("remote_type")
    if kind is None:
        if options.get("remote_options") or options.get("remote_secrets"):
            raise _bad("The options of a remote need “remote_type”.")
        return
    if not _KIND.fullmatch(kind) or kind in _NEVER:
        raise _bad(f"Remotes of the kind “{kind[:40]}” cannot be made here.")
    if not _PLAIN_NAME.fullmatch(name):
        raise _bad("The name of such a remote is made of letters, digits and underscores.")
    plain = _parsed(options.get("remote_options"), "remote_options")
    secret = options.get("remote_secrets")
    hidden = {} if is_reference(secret) else _parsed(secret, "remote_secrets")
    for option in [*plain, *hidden]:
        if not _OPTION.fullmatch(option) or _FORBIDDEN.fullmatch(option):
            raise _bad(f"The option “{option[:40]}” of a remote cannot be set here.")
    exposed = next((option for option in plain if _SECRET.search(option)), None)
    if exposed is not None:
        raise _bad(f"“{exposed}” is a secret: give it in “remote_secrets”.")
    for host, _ in hosts({**plain, **hidden}):
        policy.check_host(host)


def require_own(options: Mapping[str, Any]) -> None:
    """Raise ``needs_credentials`` unless `options` describe a remote that has all its credentials
    from them, and none of this account."""
    kind = options.get("remote_type")
    if kind is None:
        raise TransferError(
            "needs_credentials", "The remotes of rclone.conf are those of this server's account."
        )
    given = {
        **_parsed(options.get("remote_options"), "remote_options"),
        **_parsed(options.get("remote_secrets"), "remote_secrets"),
    }
    for option, value in given.items():
        if _OF_ACCOUNT.fullmatch(option) and value not in ("", "false"):
            raise TransferError(
                "needs_credentials", f"“{option}” uses credentials of this server's account."
            )
    if kind == "oracleobjectstorage" and given.get("provider") != "no_auth":
        raise TransferError(
            "needs_credentials", "Remotes of this kind use credentials of this server's account."
        )


def variables(name: str, options: Mapping[str, Any], policy: Policy) -> dict[str, str]:
    """The variables that describe the remote `name`; none where it is one of rclone.conf. All that
    is secret in them is masked from now on.

    Raises ``bad_request``, ``address_refused``, ``tool_missing``.
    """
    check(name, options, policy)
    kind = options.get("remote_type")
    if kind is None:
        return {}
    known = _known().get(kind)
    if known is None:
        raise _bad(f"rclone knows no remotes of the kind “{kind}”.")
    plain = _parsed(options.get("remote_options"), "remote_options")
    hidden = _parsed(options.get("remote_secrets"), "remote_secrets")
    MASKS.add(*hidden.values())
    values = {**plain, **hidden}
    for option in values:
        if option not in known:
            raise _bad(f"Remotes of the kind “{kind}” have no option “{option[:40]}”.")
        if known[option] and option in plain:
            raise _bad(f"“{option}” is a password: give it in “remote_secrets”.")
    for host, port in hosts(values):
        policy.check_behind_proxy(host, port)
    prefix = f"RCLONE_CONFIG_{name.upper()}_"
    made = {f"{prefix}TYPE": kind, **IN_MEMORY}
    for option, value in values.items():
        if known[option]:
            value = obscured(value)  # noqa: PLW2901 - the same in rclone's form
            MASKS.add(value)
        made[prefix + option.upper()] = value
    return made


def forms() -> list[dict[str, Any]]:
    """The kinds of remotes that can be made, with their options as fields of a form: `default`,
    `choices` (value, help, provider), `provider` (for which of them the option is),
    `advanced`. From ``rclone config providers``."""
    return [
        {
            "type": provider["Name"],
            "title": provider["Description"],
            "options": [_field(option) for option in provider["Options"] if _offered(option)],
        }
        for provider in _providers()
        if provider["Name"] not in _NEVER
    ]


def _offered(option: Mapping[str, Any]) -> bool:
    return not option.get("Hide") and not _FORBIDDEN.fullmatch(option["Name"])


def _field(option: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": option["Name"],
        "type": {"bool": "flag", "int": "integer"}.get(option["Type"], "text"),
        "help": option["Help"],
        "default": option["DefaultStr"] or None,
        "secret": bool(option["IsPassword"] or _SECRET.search(option["Name"])),
        "required": bool(option["Required"]),
        "advanced": bool(option["Advanced"]),
        "provider": option.get("Provider") or None,
        "choices": [
            {
                "value": example["Value"],
                "help": example.get("Help") or "",
                "provider": example.get("Provider") or None,
            }
            for example in option.get("Examples") or ()
        ],
    }


@lru_cache(maxsize=1)
def _providers() -> list[dict[str, Any]]:
    return providers()


@lru_cache(maxsize=1)
def _known() -> dict[str, dict[str, bool]]:
    """Of each kind its options, and whether rclone wants them obscured."""
    return {
        provider["Name"]: {option["Name"]: option["IsPassword"] for option in provider["Options"]}
        for provider in _providers()
    }


def _parsed(text: Any, name: str) -> dict[str, str]:
    try:
        value = json.loads(text) if text else {}
    except (TypeError, ValueError):
        value = None
    if not isinstance(value, dict):
        raise _bad(f"“{name}” must be a JSON object.")
    result = {}
    for option, one in value.items():
        if isinstance(one, bool):
            result[option] = str(one).lower()
        elif isinstance(one, (str, int)) and "\0" not in str(one):
            result[option] = str(one)
        else:
            raise _bad(f"“{name}” may hold texts, whole numbers, true and false only.")
    return result


def _bad(message: str) -> TransferError:
    return TransferError("bad_request", message)
