"""Where the login of each service is kept, and how it is checked before it is kept.

A login is kept where the official client of that service keeps it, so that both find it: the token
of Hugging Face, a profile of AWS, ``.netrc``, rclone's own configuration. Secrets are written by
`jupyter_transfer.secrets` only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import click

from ..backends import find, modelscope_address
from ..backends.base import Context, Whoami
from ..engine.signin import sign_in
from ..errors import TransferError
from ..secrets import (
    from_hugging_face,
    from_modelscope,
    modelscope_endpoint,
    save_aws,
    save_hugging_face,
    save_modelscope,
    save_netrc,
    split_userinfo,
)
from .local import POLICY, look


@dataclass(frozen=True)
class Entered:
    """What the person gave: everything but the secret may be empty."""

    secret: str = field(repr=False)
    username: str = ""
    address: str = ""
    profile: str = "default"
    endpoint: str | None = None
    region: str | None = None
    ca_file: str | None = None


class Login(ABC):
    """The login of one kind of service."""

    name_of_user: str | None = None
    """What goes with the secret, as it is asked for; None where nothing does."""
    name_of_secret: str = "password"  # noqa: S105 - what it is called
    option: str = "password"
    """The option of a transfer that takes the secret."""
    takes_address = False

    @abstractmethod
    def check(self, given: Entered) -> str:
        """Ask the service whether it takes this login: what it says, as the name to keep it under
        or "". Raises ``needs_credentials`` when it does not, and whatever kept us from asking."""

    @abstractmethod
    def keep(self, given: Entered, name: str) -> list[str]:
        """Keep it; the paths of the files."""

    def remark(self, given: Entered) -> str:
        """What the person should know afterwards; "" for nothing."""
        return ""


class HuggingFace(Login):
    """A token, kept as ``hf auth login`` keeps it."""

    name_of_secret = option = "token"  # noqa: S105 - what it is called

    def check(self, given: Entered) -> str:
        """See `Login`."""
        return _asked("hf://", given).kept_as

    def keep(self, given: Entered, name: str) -> list[str]:
        """See `Login`."""
        return [save_hugging_face(given.secret, name or "jupyter_transfer")]

    def remark(self, given: Entered) -> str:
        """A variable comes before the file."""
        found = from_hugging_face()
        if found is not None and found.token == given.secret:
            return ""
        return "The variables HF_TOKEN or HF_HUB_DISABLE_IMPLICIT_TOKEN are set, and come first."


class ModelScope(Login):
    """A token, kept as ``modelscope login`` keeps it."""

    name_of_secret = option = "token"  # noqa: S105 - what it is called

    def check(self, given: Entered) -> str:
        """See `Login`."""
        return _asked("modelscope://", given).kept_as

    def keep(self, given: Entered, name: str) -> list[str]:
        """See `Login`."""
        return [save_modelscope(given.secret, self._hub(given))]

    def remark(self, given: Entered) -> str:
        """A variable comes before the file."""
        found = from_modelscope(self._hub(given))
        if found is not None and found.token == given.secret:
            return ""
        return "The variable MODELSCOPE_API_TOKEN is set, and comes first."

    @staticmethod
    def _hub(given: Entered) -> str:
        return (given.endpoint or modelscope_endpoint() or modelscope_address.HUB).rstrip("/")


class Aws(Login):
    """A key, kept as ``aws configure`` keeps it."""

    name_of_user = "access key id"
    name_of_secret = "secret access key"  # noqa: S105 - what it is called
    option = "secret_access_key"

    def check(self, given: Entered) -> str:
        """See `Login`."""
        options: dict[str, Any] = {
            "access_key_id": given.username,
            "secret_access_key": given.secret,
        }
        options |= {
            name: value
            for name, value in (("endpoint", given.endpoint), ("region", given.region))
            if value
        }
        try:
            look("browse", "s3://", options, given.ca_file)
        except TransferError as error:
            if error.code != "remote_forbidden":  # it may not list buckets, but the key is known
                raise
        return ""

    def keep(self, given: Entered, name: str) -> list[str]:
        """See `Login`."""
        keys = {"aws_access_key_id": given.username, "aws_secret_access_key": given.secret}
        settings = {"region": given.region, "endpoint_url": given.endpoint}
        return save_aws(given.profile, keys, {k: v for k, v in settings.items() if v})

    def remark(self, given: Entered) -> str:
        """A profile has to be named."""
        return "" if given.profile == "default" else f"Use it with --profile {given.profile}."


class Netrc(Login):
    """User name and password of a host, kept as ``curl``, ``ftp`` and ``git`` read them."""

    name_of_user = "user name"
    takes_address = True

    def check(self, given: Entered) -> str:
        """See `Login`."""
        options = {"username": given.username, "password": given.secret}
        found = look("probe", given.address, options, given.ca_file)
        if found["needs"] == "credentials":
            raise _refused(_host(given.address))
        return ""

    def keep(self, given: Entered, name: str) -> list[str]:
        """See `Login`."""
        return [save_netrc(_host(given.address), given.username, given.secret)]


LOGINS: Mapping[str, Login] = {
    "huggingface": HuggingFace(),
    "modelscope": ModelScope(),
    "s3": Aws(),
    "http": Netrc(),
    "ftp": Netrc(),
    "sftp": Netrc(),
    "git": Netrc(),
}
"""Backend -> its login. rclone asks for its own."""


def _asked(address: str, given: Entered) -> Whoami:
    options = {"token": given.secret}
    if given.endpoint:
        options["endpoint"] = given.endpoint
    try:
        return sign_in(address, Context(options, POLICY, given.ca_file))
    except TransferError as error:
        if error.code == "needs_credentials":
            raise TransferError(
                error.code, error.message, f"Nothing was kept. {error.remedy}"
            ) from None
        raise


def _host(address: str) -> str:
    return urlsplit(address).hostname or ""


def _refused(who: str) -> TransferError:
    return TransferError(
        "needs_credentials", f"{who} does not accept this login.", "Nothing was kept. Try again."
    )


def check_address(backend: str, address: str) -> None:
    """Raise a usage error unless `address` is one of `backend`, without a password."""
    if split_userinfo(address)[1] is not None:
        raise click.UsageError("Give the address without a user name or password.")
    if find(address).name != backend or not _host(address):
        raise click.UsageError(f"This is no address of the service “{backend}”.")
