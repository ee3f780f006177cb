"""Who asks an S3 service: what the person gave, or what boto3 finds where AWS's own tools look."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..errors import TransferError
from ..secrets import Credential


@dataclass(frozen=True)
class Settings:
    """What a job says about its service.

    Parameters
    ----------
    endpoint: None for AWS, or what the environment and the profile name.
    addressing: ``path``, ``virtual``, or ``auto``.
    credential: user name and password are key id and secret key, `token` a session token.
    ambient: whether boto3 may look for a credential where none is given.
    """

    endpoint: str | None = None
    region: str | None = None
    profile: str | None = None
    anonymous: bool = False
    addressing: str = "auto"
    credential: Credential | None = None
    ambient: bool = False

    def is_same_service(self, other: Settings) -> bool:
        """Whether both speak of one service, and as one person."""
        mine, others = (
            (one.endpoint, one.profile, one.anonymous, one.credential) for one in (self, other)
        )
        return mine == others


def make_session(settings: Settings, send: Callable[..., Any]) -> Any:
    """boto3's session for `settings`; all its requests, also those on the way to a credential, are
    made by `send` (botocore's event ``before-send``).

    Raises ``needs_credentials`` where a profile of this server may not be used.
    """
    import boto3.session  # noqa: PLC0415 - heavy: in workers only
    import botocore.session  # noqa: PLC0415

    # Its debugging texts hold what is signed, session tokens among it.
    logging.getLogger("botocore").setLevel(logging.WARNING)
    given = settings.credential
    core = botocore.session.Session()
    _share_models(core)
    if not settings.ambient:
        _keep_apart(core, settings)
    session = boto3.session.Session(
        botocore_session=core,
        aws_access_key_id=given.username if given else None,
        aws_secret_access_key=given.password if given else None,
        aws_session_token=(given.token or None) if given else None,
        profile_name=settings.profile,
    )
    session.events.register("before-send", send)
    _never_prompt(session)
    return session


def no_credentials() -> TransferError:
    """Nobody has given any, and there are none to find."""
    return TransferError(
        "needs_credentials",
        "There are no credentials for this service.",
        "Give an access key, choose a profile, or set `anonymous` if everybody may read.",
    )


def _keep_apart(core: Any, settings: Settings) -> None:
    """Let a session look nowhere for a credential: neither in variables nor in files, nor at the
    machine's own role. Of the environment it only learns endpoint and region."""
    from botocore.credentials import CredentialResolver  # noqa: PLC0415 - heavy: in workers only

    if settings.profile:
        raise TransferError(
            "needs_credentials", "The profile is one of the AWS configuration of this server."
        )
    store = core.get_component("config_store")
    store.set_config_variable("profile", None)  # whatever AWS_PROFILE says
    for name in ("config_file", "credentials_file"):
        store.set_config_variable(name, os.devnull)
    core.register_component("credential_provider", CredentialResolver([]))


def _share_models(session: Any) -> None:
    """Have all sessions of this process read boto3's descriptions of the services but once: they
    are megabytes of JSON, and each lane of a job has a session."""
    if _models:
        session.register_component("data_loader", _models[0])
    else:
        _models.append(session.get_component("data_loader"))


_models: list[Any] = []


def _never_prompt(session: Any) -> None:
    """A role that wants a one-time code fails instead of asking at a terminal: standard input of
    a worker belongs to the server."""

    def refuse(*_: Any) -> str:
        raise TransferError(
            "needs_credentials",
            "The profile wants a one-time code (MFA).",
            "Log in with the service's own command line first.",
        )

    providers = session._session.get_component("credential_provider")
    for provider in providers.providers:
        if hasattr(provider, "_prompter"):
            provider._prompter = refuse
