"""What all our HTTP handlers share: authentication and authorisation in `prepare()`, JSON errors,
the owner of a request.

A verb is opened with `allow`, which states literally what it needs::

    @allow(("write", "transfers"), ("write", "contents"))
    async def post(self) -> None: ...

`prepare()` checks it before the first byte of a body is read. jupyter_server's `@authorized` runs
only after the whole body, and without arguments remembers its first action for every later verb.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from hmac import compare_digest
from http.client import responses
from typing import TYPE_CHECKING, Any, TypeVar, cast

from jupyter_core.utils import ensure_async
from jupyter_server.auth.identity import (
    IdentityProvider,
    LegacyIdentityProvider,
    PasswordIdentityProvider,
)
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from tornado import web

from ..ambient import Ambient, decide
from ..errors import TransferError
from ..secrets import refers

if TYPE_CHECKING:
    from ..app import TransferApp

Verb = TypeVar("Verb", bound=Callable[..., Any])

SERVER_OWNER = "owner"
"""Owner of everything on a server that has one user."""

MAX_PAGE = 1000
"""Rows in one answer at most."""

_SINGLE_USER_PROVIDERS = (IdentityProvider, PasswordIdentityProvider, LegacyIdentityProvider)

_CODE_OF_STATUS = {
    400: "bad_request",
    401: "forbidden",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
}


def allow(*permissions: tuple[str, str]) -> Callable[[Verb], Verb]:
    """Open a verb to users who hold all `permissions`, pairs of action and resource."""

    def mark(method: Verb) -> Verb:
        # web.authenticated outermost: jupyter_server looks for it when it checks all handlers.
        wrapped = web.authenticated(method)
        wrapped.permissions = permissions  # type: ignore[attr-defined]
        return cast("Verb", wrapped)

    return mark


class TransferHandler(APIHandler):
    """Base of all handlers of this extension."""

    @property
    def transfer(self) -> TransferApp:
        """The running extension."""
        return cast("TransferApp", self.settings["jupyter_transfer"])

    @property
    def owner(self) -> str:
        """To whom jobs and uploads of this request belong.

        A server with one user has one owner: under plain token authentication the user's name is
        made up anew for each request. Where an identity provider gives stable names (JupyterHub,
        collaboration) the name tells owners apart; the server's own token is the server's owner.
        """
        provider = self.identity_provider
        if type(provider) in _SINGLE_USER_PROVIDERS:
            return SERVER_OWNER
        token = provider.get_token(self)
        if token and provider.token and compare_digest(token.encode(), provider.token.encode()):
            return SERVER_OWNER
        return str(self.current_user.username)

    def set_default_headers(self) -> None:
        """JSON unless a handler says otherwise."""
        super().set_default_headers()
        self.set_header("Content-Type", "application/json")

    async def prepare(self) -> None:  # type: ignore[override]
        """Authenticate and authorise, before any byte of the body is read.

        Raises ``forbidden`` for the anonymous and for whoever lacks a permission of the verb.
        """
        # Not APIHandler.prepare: it would redirect an anonymous GET to the login page.
        await JupyterHandler.prepare(self, _redirect_to_login=False)
        if not self.check_origin():
            raise web.HTTPError(404)
        method = getattr(self, (self.request.method or "").lower(), None)
        if method is None or getattr(method, "__allow_unauthenticated", False):
            return
        permissions = getattr(method, "permissions", None)
        if permissions is None:
            raise TransferError("method_not_allowed", "This address has no such method.")
        if self.current_user is None:
            raise TransferError(
                "forbidden",
                "You are not signed in.",
                "Sign in to this server; commands take its token in a file: --token-file FILE.",
            )
        for action, resource in permissions:
            await self.require(action, resource)

    async def may(self, action: str, resource: str) -> bool:
        """Whether the authorizer lets the user do `action` on `resource`."""
        answer = self.authorizer.is_authorized(self, self.current_user, action, resource)
        return bool(await ensure_async(answer))

    async def ambient(self) -> Ambient:
        """Whether what the user starts may use the credentials of this server's account."""
        return decide(
            runs_code=await self.may("execute", "kernels"),
            shared=self.transfer.shared_credentials == "all",
        )

    async def require(self, action: str, resource: str) -> None:
        """Raise ``forbidden`` unless the authorizer lets the user do `action` on `resource`."""
        if not await self.may(action, resource):
            raise TransferError("forbidden", f"You may not {action} {resource} on this server.")

    async def require_references(self, options: Mapping[str, Any]) -> None:
        """Raise ``forbidden`` if `options` name secrets of this server (``env:NAME`` …) and the
        user may not run code here, by which they could be read anyway."""
        if refers(options):
            await self.require("execute", "kernels")

    def json_body(self) -> Any:
        """The request's body as JSON. Raises ``bad_request``."""
        try:
            return json.loads(self.request.body)
        except ValueError:
            raise TransferError("bad_request", "The body is not valid JSON.") from None

    def number(self, name: str, default: int | None, low: int, high: int) -> int | None:
        """The query argument `name` as a whole number. Raises ``bad_request``."""
        text = self.get_query_argument(name, "")
        if not text:
            return default
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise TransferError(
                "bad_request", f"“{name}” must be a whole number from {low} to {high}."
            )
        return int(text)

    def page(self) -> tuple[int, int]:
        """The query arguments ``limit`` and ``offset``."""
        limit = self.number("limit", MAX_PAGE, 1, MAX_PAGE)
        offset = self.number("offset", 0, 0, 2**53)
        return limit or MAX_PAGE, offset or 0

    def write_json(self, value: Any, status: int = 200) -> None:
        """Answer with `value` as JSON."""
        self.set_status(status)
        self.finish(json.dumps(value))

    def finish(self, *args: Any, **kwargs: Any) -> Any:
        """End the response with the content type that was set, which APIHandler would replace."""
        kwargs.setdefault("set_content_type", self._headers.get("Content-Type"))
        return super().finish(*args, **kwargs)

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """A TransferError is an answer, not a fault of the server: one line, no traceback."""
        if isinstance(value, TransferError) and value.code != "internal":
            self.log.debug("%s %s: %s", self.request.method, self.request.path, value.code)
        else:
            super().log_exception(typ, value, tb)

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """Take the status from a TransferError before tornado writes the answer."""
        error = kwargs.get("exc_info", (None, None))[1]
        if isinstance(error, TransferError):
            status_code = error.status
        super().send_error(status_code, **kwargs)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """The contract's JSON error; never a traceback or an absolute path."""
        error = kwargs.get("exc_info", (None, None))[1]
        if not isinstance(error, TransferError):
            error = _from_http_error(status_code, error)
        reason = responses.get(status_code, "Checksum Mismatch" if status_code == 460 else "Error")
        self.set_status(status_code, reason)
        self.set_header("Content-Type", "application/json")
        if error.retry_after is not None:
            self.set_header("Retry-After", str(max(1, round(error.retry_after))))
        self.error_headers(error)
        self.finish(json.dumps(self.error_body(error)))

    def error_body(self, error: TransferError) -> dict[str, Any]:
        """What an error answer says; a protocol may add members."""
        return {"error": error.as_dict()}

    def error_headers(self, error: TransferError) -> None:
        """Headers that a protocol wants on an error answer; tornado has cleared all others."""


def _from_http_error(status_code: int, error: BaseException | None) -> TransferError:
    code = _CODE_OF_STATUS.get(status_code, "internal" if status_code >= 500 else "bad_request")
    if isinstance(error, web.HTTPError) and status_code < 500:
        message = error.log_message or error.reason or responses.get(status_code, "")
        message = message.rstrip(".") + "."
    else:
        message = "The server failed to answer this request."
    return TransferError(code, message)


class NotFoundHandler(TransferHandler):
    """Answers every other address below our prefix, so that errors stay JSON."""

    async def prepare(self) -> None:  # type: ignore[override]
        """Say 404 to every verb."""
        await JupyterHandler.prepare(self, _redirect_to_login=False)
        raise TransferError("not_found", "There is no such address.", "Check the address.")
