"""The small requests of S3: boto3 finds credentials, signs and reads answers; the requests
themselves go over the engine's transport, so the address policy judges an endpoint too.

Data go by presigned addresses (`Service.presign`), which the engine fetches and fills.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from ..errors import TransferError
from .base import Answer, Caller, pause
from .s3errors import from_botocore
from .s3session import Settings, make_session, no_credentials
from .s3sign import Signer

EXPIRY = 900
"""Seconds that a presigned address is valid; the engine asks for another one after that."""

RENEW_AFTER = 1.0
"""Seconds after which the credentials are asked for again."""

ATTEMPTS = 4
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 5.0
"""Tries of a small request that fails in passing; seconds before the second one, and at most."""

_PASSING = {"connect_failed", "connection_lost", "dns_failed", "remote_busy", "timeout"}

_VIRTUAL_ONLY = (
    ".aliyuncs.com",
    ".myqcloud.com",
    ".myhuaweicloud.com",
    ".volces.com",
    ".ksyuncs.com",
    ".bcebos.com",
    ".qiniucs.com",
)
"""Services off AWS that take a bucket only as a part of the host name."""

_NOT_SENT = frozenset({"content-length", "user-agent", "expect", "accept-encoding"})
"""Headers that the transport makes itself; none of them is signed."""

_T = TypeVar("_T")


class Service:
    """One S3 service as one job uses it."""

    def __init__(self, settings: Settings, caller: Caller) -> None:
        self._settings = settings
        self._caller = caller
        self._session: Any = None
        self._clients: dict[str | None, Any] = {}
        self._regions: dict[str, str | None] = {}
        self._bases: dict[str, str] = {}
        self._signers: dict[str, tuple[float, Signer]] = {}

    @property
    def anonymous(self) -> bool:
        """Whether nothing is signed."""
        return self._settings.anonymous

    @cached_property
    def is_aws(self) -> bool:
        """Whether it is Amazon's own service."""
        host = urlsplit(self.client().meta.endpoint_url).hostname or ""
        return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))

    # -- clients --

    def client(self, bucket: str | None = None) -> Any:
        """boto3's client for `bucket`, in the region where the bucket is."""
        region = self._settings.region
        if bucket and not region and self.is_aws:
            region = self._region_of(bucket)
        if region not in self._clients:
            with self.errors():
                self._clients[region] = self._make_client(region)
        return self._clients[region]

    def _make_client(self, region: str | None) -> Any:
        from botocore import UNSIGNED  # noqa: PLC0415 - heavy: in workers only
        from botocore.config import Config  # noqa: PLC0415

        settings = self._settings
        session = self._boto_session()
        # Off AWS many services refuse the checksums that boto3 adds by itself since 2025; on AWS
        # these small requests lose nothing without them.
        config = Config(
            signature_version=UNSIGNED if settings.anonymous else "s3v4",
            s3={"addressing_style": self._addressing()},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            retries={"total_max_attempts": 1},  # `ask` tries again
        )
        region = region or session.region_name
        if region is None and settings.endpoint is not None:
            region = "us-east-1"
        return session.client(
            "s3", region_name=region, endpoint_url=settings.endpoint, config=config
        )

    def _addressing(self) -> str:
        style = self._settings.addressing
        host = urlsplit(self._settings.endpoint or "").hostname or ""
        # On AWS boto3's "auto" would presign for the global endpoint, which redirects. Names of
        # buckets that no certificate fits stand in the path also under "virtual".
        if style == "auto" and (not host or host.endswith(_VIRTUAL_ONLY)):
            return "virtual"
        return style

    def _boto_session(self) -> Any:
        if self._session is None:
            # Of all services: SSO and STS are asked on the way to a credential.
            self._session = make_session(self._settings, self._send)
        return self._session

    def _region_of(self, bucket: str) -> str | None:
        """The region that AWS says a bucket is in; it says so to strangers too."""
        if bucket not in self._regions:
            from botocore.exceptions import ClientError  # noqa: PLC0415 - heavy: in workers only

            self._regions[bucket] = None
            try:
                answer = self.client().head_bucket(Bucket=bucket)
            except ClientError as error:
                answer = error.response
            except Exception as error:
                raise from_botocore(error, anonymous=self.anonymous) from None
            headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
            self._regions[bucket] = headers.get("x-amz-bucket-region")
        return self._regions[bucket]

    # -- requests --

    def ask(self, operation: str, bucket: str | None = None, **parameters: Any) -> dict[str, Any]:
        """One request of boto3's `operation` (``head_object`` …), tried again where that may
        help. Parameters that are None are left out. Raises `TransferError`."""
        given = {name: value for name, value in parameters.items() if value is not None}
        if bucket is not None:
            given["Bucket"] = bucket
        answer: dict[str, Any] = self._trying(
            lambda: getattr(self.client(bucket), operation)(**given)
        )
        return answer

    def fetch(self, bucket: str, query: Sequence[tuple[str, str]]) -> bytes:
        """The answer to GET of `bucket` with `query`, raw: a listing that boto3 would read too
        slowly. Raises `TransferError`."""

        def get() -> bytes:
            answer = self._caller.call(self.presign("GET", bucket, "", query), follow=False)
            if answer.status != 200:
                raise _as_client_error(answer)
            return answer.body

        return self._trying(get)

    def _trying(self, act: Callable[[], _T]) -> _T:
        for attempt in range(ATTEMPTS):
            try:
                with self.errors():
                    return act()
            except TransferError as error:
                if error.code not in _PASSING or attempt == ATTEMPTS - 1:
                    raise
                wait = error.retry_after or _FIRST_WAIT * 3**attempt
                pause(self._caller, min(wait, _LONGEST_WAIT))
        raise AssertionError("unreachable")

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn what boto3 raises into `TransferError`."""
        try:
            yield
        except Exception as error:
            raise from_botocore(error, anonymous=self.anonymous) from None

    def _send(self, request: Any, **_: Any) -> Any:
        """Perform a signed request over the transport (botocore's event ``before-send``)."""
        from botocore.awsrequest import AWSResponse  # noqa: PLC0415 - heavy: in workers only

        headers = {
            name: value.decode("latin-1") if isinstance(value, bytes) else value
            for name, value in request.headers.items()
            if name.lower() not in _NOT_SENT
        }
        body = request.body
        if hasattr(body, "read"):
            body = body.read()
        if isinstance(body, str):
            body = body.encode()
        if request.method in ("POST", "PUT"):
            body = body or b""
            if not any(name.lower() == "content-type" for name in headers):
                headers["Content-Type"] = ""  # else the transport would state one of its own
        answer = self._caller.call(
            request.url, method=request.method, headers=headers, body=body or None, follow=False
        )
        return AWSResponse(answer.url, answer.status, dict(answer.headers), _Raw(answer.body))

    # -- presigned addresses --

    def presign(
        self,
        method: str,
        bucket: str,
        key: str,
        query: Iterable[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """An address that stands for this very request for `EXPIRY` seconds. `headers` are signed:
        who calls it must send them."""
        base, signer = self._signing(bucket)
        url = base + quote(key, safe="/~")
        if signer is None:
            pairs = "&".join(f"{quote(n, safe='')}={quote(v, safe='')}" for n, v in query)
            return f"{url}?{pairs}" if pairs else url
        return signer.presign(method, url, query, headers, expires=EXPIRY)

    def _signing(self, bucket: str) -> tuple[str, Signer | None]:
        """The address of `bucket` and who signs, None for a stranger. Temporary credentials are
        renewed in time though they are not asked for each of a thousand objects."""
        base = self._base(bucket)
        if self.anonymous:
            return base, None
        now = time.monotonic()
        known = self._signers.get(bucket)
        if known is None or now - known[0] > RENEW_AFTER:
            region = self.client(bucket).meta.region_name
            if region == "aws-global":
                region = "us-east-1"
            with self.errors():
                credentials = self._boto_session().get_credentials()
                if credentials is None:
                    raise no_credentials()
                frozen = credentials.get_frozen_credentials()
            signer = Signer(frozen.access_key, frozen.secret_key, frozen.token, region)
            known = self._signers[bucket] = now, signer
        return base, known[1]

    def _base(self, bucket: str) -> str:
        """The address of a bucket, ending in ``/``, in the style that its service wants."""
        if bucket not in self._bases:
            if not self.anonymous and self._boto_session().get_credentials() is None:
                raise no_credentials()
            with self.errors():
                url = self.client(bucket).generate_presigned_url(
                    "get_object", Params={"Bucket": bucket, "Key": "k"}
                )
            self._bases[bucket] = url.partition("?")[0][:-1]
        return self._bases[bucket]


def _as_client_error(answer: Answer) -> Exception:
    """An answer that is no success, as boto3 would raise it."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 - heavy: in workers only
    from botocore.parsers import create_parser  # noqa: PLC0415

    told = {"status_code": answer.status, "headers": answer.headers, "body": answer.body}
    parsed = (
        create_parser("rest-xml").parse(told, None)
        if answer.status >= 300
        else {"ResponseMetadata": {"HTTPStatusCode": answer.status}}
    )
    error: Exception = ClientError(parsed, "List")
    return error


class _Raw:
    """A body as botocore wants to read it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self._body
