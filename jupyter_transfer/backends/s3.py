"""Amazon S3 and services that speak its protocol: ``s3://bucket/key``.

A key stands in an address as it is, nothing in it is percent-encoded. An address that ends in
``/``, a bucket alone, and a key at which no object stands, mean everything that begins so. A key
that ends in ``/`` and holds nothing is a folder that some tool has marked, no file.

Directory buckets (``…--x-s3``) and multi-Region access points sign differently and are not read.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache, partial
from typing import Any, ClassVar

from ..errors import TransferError
from ..names import alternative_names
from ..net import parse_url
from ..secrets import Credential
from .base import Ability, Answer, Backend, Entry, Locator, Option, Validators
from .s3client import Service
from .s3listing import Page, moment_ns, pages
from .s3objects import customer_key, entry_of_head, entry_of_listing, stated_by
from .s3session import Settings
from .s3vacancy import Vacancies
from .sink import Sink, SourceFile

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]|arn:[A-Za-z0-9:/_-]{1,300}")
_LONGEST_KEY = 1024
"""Bytes (S3 API reference, "Object key naming")."""


class S3Backend(Backend):
    """Buckets of S3 and compatibles."""

    name = "s3"
    title = "S3 and compatible object stores"
    schemes = ("s3",)
    can: ClassVar[frozenset[Ability]] = frozenset({"fetch", "send", "delete", "copy", "browse"})
    options: ClassVar[tuple[Option, ...]] = (
        Option("endpoint", help="Address of a service other than AWS, such as https://minio:9000"),
        Option("region", help="Region; found by itself on AWS"),
        Option("profile", help="Profile of the AWS configuration (SSO and roles too)"),
        Option("access_key_id", help="Access key id, instead of what AWS's own tools would find"),
        Option("secret_access_key", help="Secret key of the access key id", secret=True),
        Option("session_token", help="Session token of temporary credentials", secret=True),
        Option("anonymous", "flag", help="Sign nothing: for what everybody may read"),
        Option("requester_pays", "flag", help="You pay for requests and transfer, not the owner"),
        Option(
            "addressing",
            help="Whether the bucket stands in the path or in the host name",
            default="auto",
            choices=("auto", "path", "virtual"),
        ),
        Option(
            "version",
            help="Version id of the object to read, instead of the newest",
            side="source",
        ),
        Option(
            "checksum",
            help="Whether what is fetched is compared with the checksum or the ETag of the object",
            default="auto",
            choices=("auto", "off"),
            side="source",
        ),
        Option(
            "storage_class",
            help="Storage class of what is sent, such as STANDARD_IA",
            side="destination",
        ),
        Option(
            "content_type",
            help="Content type of what is sent; by its name if empty",
            side="destination",
        ),
        Option(
            "acl",
            help="Canned access control list of what is sent, such as private",
            side="destination",
        ),
        Option(
            "sse",
            help="Encryption at the service of what is sent",
            choices=("AES256", "aws:kms", "aws:kms:dsse"),
            side="destination",
        ),
        Option(
            "sse_kms_key_id",
            help="Key of the key management service, for aws:kms",
            side="destination",
        ),
        Option(
            "sse_customer_key",
            help="Your own key (SSE-C), 32 bytes in base64, for reading and sending",
            secret=True,
        ),
    )

    who = ("endpoint", "region", "profile", "access_key_id", "anonymous")
    any_name = True
    sends_at_once = True

    bulk_delete = True
    """Whether the service takes DeleteObjects, as far as it is known."""

    etag_is_md5: bool | None = None
    """Whether the ETag of a part is its MD5, once that is known."""

    # -- addresses --

    @classmethod
    def service_of(cls, address: str) -> str:
        """Options say which service it is, no address."""
        return cls.name

    def check(self, address: str) -> None:
        """As `Backend.check`; also what is wrong with bucket, key and endpoint."""
        super().check(address)
        split(address)
        if bool(self.option("access_key_id")) != bool(self.option("secret_access_key")):
            raise TransferError(
                "needs_credentials" if self.option("access_key_id") else "bad_request",
                "An access key id and a secret key belong together.",
            )
        self.customer_key  # noqa: B018 - raises
        if endpoint := self.option("endpoint"):
            if "://" not in endpoint:
                raise TransferError(
                    "bad_request",
                    "The option “endpoint” must begin with https:// or http://.",
                )
            self.context.policy.check_host(parse_url(endpoint, ("http", "https")).host)

    def join(self, address: str, path: str) -> str:
        """As `Backend.join`; keys are not encoded."""
        return f"{address if address.endswith('/') else address + '/'}{path}"

    def means_folder(self, address: str) -> bool:
        """As `Backend.means_folder`; “?” and “#” are characters of a key."""
        return split(address)[1].endswith("/") or not split(address)[1]

    def alternatives(self, address: str) -> Iterator[str]:
        """As `Backend.alternatives`; keys are not encoded."""
        folder, slash, last = address.rpartition("/")
        for name in alternative_names(last):
            yield f"{folder}{slash}{name}"

    def name_for(self, address: str) -> str:
        """The last segment of the key, or the bucket."""
        bucket, key = split(address)
        return super().name_for("/" + (key or bucket).replace("%", "%25"))

    # -- the service --

    @cached_property
    def service(self) -> Service:
        """The service of this job."""
        return Service(self.settings, self.caller)

    @cached_property
    def settings(self) -> Settings:
        """Which service, and who asks."""
        key, secret = self.option("access_key_id"), self.option("secret_access_key")
        credential = self.context.credential
        if key and secret:
            credential = Credential(key, secret, self.option("session_token") or "")
        return Settings(
            endpoint=self.option("endpoint"),
            region=self.option("region"),
            profile=self.option("profile"),
            anonymous=bool(self.option("anonymous")),
            addressing=self.option("addressing"),
            credential=credential,
            ambient=self.context.ambient,
        )

    @cached_property
    def payer(self) -> str | None:
        """The parameter ``RequestPayer``."""
        return "requester" if self.option("requester_pays") else None

    @cached_property
    def customer_key(self) -> Mapping[str, str]:
        """Headers of SSE-C. Raises ``bad_request``."""
        return customer_key(self.option("sse_customer_key"))

    @property
    def customer_parameters(self) -> dict[str, Any]:
        """Parameters of SSE-C."""
        if not self.customer_key:
            return {}
        algorithm, key, _ = self.customer_key.values()
        return {"SSECustomerAlgorithm": algorithm, "SSECustomerKey": b64decode(key)}

    # -- reading --

    def entries(self, address: str) -> Iterator[Entry]:
        """The object at the address, or all that lie below it."""
        bucket, key = split(address)
        if not bucket:
            raise TransferError("invalid_address", "The address names no bucket.")
        if key and not key.endswith("/"):
            entry = self._head(bucket, key)
            if entry is not None:
                yield entry
                return
            key += "/"
        for page in self._pages(bucket, key):
            yield from self._files(bucket, key, page)

    def _files(self, bucket: str, prefix: str, page: Page) -> Iterator[Entry]:
        start = len(prefix)
        for found in page.objects:
            key = found.get("Key", "")
            if key.startswith(prefix) and not _is_marker(key, found):
                yield entry_of_listing(f"s3://{bucket}/{key}", key[start:], found)

    def browse(self, address: str) -> Iterator[Entry]:
        """The buckets, or one level of a bucket."""
        bucket, prefix = split(address)
        if not bucket:
            for found in self.service.ask("list_buckets").get("Buckets", []):
                name = found["Name"]
                created = moment_ns(found["CreationDate"].isoformat())
                yield Entry(f"{name}/", f"s3://{name}/", mtime_ns=created)
            return
        if prefix and not prefix.endswith("/"):
            prefix += "/"
        for page in self._pages(bucket, prefix, delimiter="/"):
            for folder in page.prefixes:
                yield Entry(folder[len(prefix) :], f"s3://{bucket}/{folder}")
            yield from self._files(bucket, prefix, page)

    def find(self, address: str) -> Entry | None:
        """The object at the address, or the folder."""
        bucket, key = split(address)
        if key and not key.endswith("/"):
            entry = self._head(bucket, key)
            if entry is not None:
                return entry
            key += "/"
        folder = Entry((key or bucket).rstrip("/").rpartition("/")[2] + "/", f"s3://{bucket}/{key}")
        try:
            found = next(self._pages(bucket, key, most=1))
        except TransferError as error:
            if error.code == "remote_not_found":
                return None
            raise
        return folder if not key or found.objects or found.prefixes else None

    def is_free(self, address: str) -> bool:
        """By listings; see `Vacancies`."""
        bucket, key = split(address)
        place = ("s3", self.option("endpoint"), bucket)
        vacancies = self.context.shared.setdefault(place, Vacancies())
        return bool(key) and vacancies.is_free(key, partial(self._page_behind, bucket))

    def _page_behind(self, bucket: str, prefix: str, after: str) -> Page:
        return next(self._pages(bucket, prefix, after=after))

    def locate(self, entry: Entry) -> Locator:
        """A presigned address of the object."""
        bucket, key = split(entry.address)
        query, headers, validators = self._reading
        return Locator(
            self.service.presign("GET", bucket, key, query, headers),
            headers,
            size=entry.size,
            validators=validators,
            digest=None if self._unverified else entry.digest,
            unverified=self._unverified,
            digest_of=entry.validators.etag,
            if_match=True,
            stated=stated_by,
        )

    def prove(self, entry: Entry, answer: Answer) -> Locator | None:
        """Of an object that came in parts, what its ETag says if they were of one size."""
        from .s3parts import presumed  # noqa: PLC0415 - for few objects only

        return presumed(self, entry, answer.headers)

    @cached_property
    def _unverified(self) -> str | None:
        """Why nothing is verified, where the person wants it so (see `Locator`)."""
        return "switched_off" if self.option("checksum") == "off" else None

    @cached_property
    def _reading(self) -> tuple[list[tuple[str, str]], Mapping[str, str], Validators]:
        """Query, headers and validators of every address that is read from."""
        version = self.option("version")
        query = [("versionId", version)] if version else []
        if self.payer:
            query.append(("x-amz-request-payer", self.payer))
        return query, self.customer_key, Validators(version=version)

    def _head(self, bucket: str, key: str) -> Entry | None:
        version = self.option("version")
        try:
            head = self.head(bucket, key, version=version)
        except TransferError as error:
            if error.code == "remote_not_found" and not version:
                return None
            # An answer to HEAD has no body: a listing says what is wrong, if it is refused too.
            if error.code in ("remote_forbidden", "remote_refused"):
                found = next(self._pages(bucket, key, most=1), Page())
                if not any(o.get("Key") == key for o in found.objects) and not version:
                    return None
            raise
        return entry_of_head(f"s3://{bucket}/{key}", key, head)

    def head(self, bucket: str, key: str, *, version: str | None = None) -> dict[str, Any]:
        """``HeadObject``, with checksums where the service has some."""
        return self.service.ask(
            "head_object",
            bucket,
            Key=key,
            VersionId=version,
            RequestPayer=self.payer,
            ChecksumMode="ENABLED" if self.service.is_aws else None,
            **self.customer_parameters,
        )

    def _pages(
        self, bucket: str, prefix: str, *, delimiter: str = "", most: int = 0, after: str = ""
    ) -> Iterator[Page]:
        extra = [("x-amz-request-payer", self.payer)] if self.payer else []
        if after:
            extra.append(("start-after", after))
        service = self.service
        return pages(
            lambda query: service.fetch(bucket, query + extra),
            prefix,
            delimiter=delimiter,
            most=most,
        )

    # -- writing --

    @cached_property
    def put_headers(self) -> Mapping[str, str]:
        """Headers of every request that makes an object, but of what it is."""
        from .s3sink import put_headers  # noqa: PLC0415 - for sending only

        return put_headers(self)

    def sink(self, address: str, source: SourceFile) -> Sink:
        """One request for a small file, an upload of parts for a large one."""
        from .s3sink import make_sink  # noqa: PLC0415 - for sending only

        return make_sink(self, *object_of(address), source)

    def delete(self, entries: Sequence[Entry]) -> list[TransferError | None]:
        """Delete objects, up to a thousand with one request. Where versions are kept they stay."""
        from .s3changes import delete  # noqa: PLC0415 - for changing only

        return delete(self, entries)

    def copies(self, entry: Entry, address: str, other: Backend) -> bool:
        """Copies within one service go by one credential."""
        return (
            isinstance(other, S3Backend)
            and other.settings.is_same_service(self.settings)
            and other.customer_key == self.customer_key
        )


@lru_cache(maxsize=64)  # of one file several times in a row
def split(address: str) -> tuple[str, str]:
    """Bucket and key of an address; either may be empty. Raises ``invalid_address``."""
    match = re.fullmatch(r"s3://([^/]*)/?(.*)", address, re.DOTALL | re.IGNORECASE)
    if not match:
        raise TransferError("invalid_address", "Write an address like s3://bucket/key.")
    bucket, key = match[1], match[2]
    if bucket and not _BUCKET.fullmatch(bucket):
        raise TransferError("invalid_address", "No bucket can have this name.")
    if key and not bucket:
        raise TransferError("invalid_address", "The address names no bucket.")
    if len(key.encode("utf-8", "surrogateescape")) > _LONGEST_KEY:
        raise TransferError("invalid_address", "No key may have more than 1024 bytes.")
    return bucket, key


def object_of(address: str) -> tuple[str, str]:
    """Bucket and key of one object. Raises ``invalid_address``."""
    bucket, key = split(address)
    if not key or key.endswith("/"):
        raise TransferError("invalid_address", "The address names no object.")
    return bucket, key


def _is_marker(key: str, found: Mapping[str, str]) -> bool:
    return key.endswith("/") and found.get("Size", "0") == "0"
