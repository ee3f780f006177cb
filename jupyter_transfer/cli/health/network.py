"""The way out: names, proxies, certificate authorities, services; and the clock."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from ...engine.authorities import authorities, ca_file_of_environment
from ...engine.client import Client
from ...engine.transport import SCHEMES, Timeouts, Transport
from ...errors import TransferError
from ...net import parse_url, proxy_for
from ...secrets import hugging_face_endpoint, redact
from ..local import POLICY, look
from .finding import Finding, State

HUB = "https://huggingface.co"
"""What is called where the person names nothing; its refusal is only a warning."""

TIMEOUTS = Timeouts(connect=8.0, stall=8.0, answer=8.0)

CLOCK_WARNING, CLOCK_FAILURE = 60.0, 900.0
"""Seconds that the clock may be wrong: a certificate may seem not valid yet; from 15 minutes on
services with signed requests refuse them (AWS: ``RequestTimeTooSkewed``)."""


@dataclass(frozen=True)
class _Reached:
    """The answer to one request: its status, how long it took, and by how many seconds our clock
    is ahead of its ``Date`` (None without one)."""

    status: int
    seconds: float
    ahead: float | None


def network(addresses: list[str], ca_file: str | None) -> Iterator[Finding]:
    """Certificate authorities, proxies, and whether `addresses` can be reached; without any, the
    hub of Hugging Face."""
    trusted = _authorities(ca_file)
    yield trusted
    if trusted.state == "failed":
        return
    clock: Finding | None = None
    for address in addresses or [hugging_face_endpoint() or HUB]:
        if address.lower().startswith(("http:", "https:")):
            finding, ahead = _called(address, ca_file, asked=bool(addresses))
            yield finding
            if ahead is not None and clock is None:
                clock = _clock(ahead, finding.name)
        if addresses:
            yield _looked_at(address, ca_file)
    yield clock or Finding("network", "clock", "note", "not compared: no server told its own")


def _authorities(ca_file: str | None) -> Finding:
    named = ca_file or ca_file_of_environment()
    try:
        path, data = authorities(named)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if path is not None:
            context.load_verify_locations(path)
        elif data:
            context.load_verify_locations(cadata=data.decode("ascii", "replace"))
        if named:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(named)
    except TransferError as error:
        return Finding("network", "authorities", "failed", f"{named}: {error}", error.remedy)
    except (OSError, ssl.SSLError):
        text = f"{named or 'those of the system'}: no certificate can be read"
        return Finding("network", "authorities", "failed", text, _CA_REMEDY)
    count = context.cert_store_stats()["x509_ca"]
    if not count:
        return Finding("network", "authorities", "failed", "there are none", _CA_REMEDY)
    extra = f", {named} among them" if named else ""
    return Finding("network", "authorities", "ok", f"{count} certificates{extra}")


_CA_REMEDY = "Install ca-certificates, or name a PEM file: --ca-file, SSL_CERT_FILE."


def _called(address: str, ca_file: str | None, *, asked: bool) -> tuple[Finding, float | None]:
    host = redact(address)
    try:
        url = parse_url(address, SCHEMES)
        host = url.host
        proxy = proxy_for(url)
        way = f"by the proxy {_without_login(proxy)}" if proxy else "directly"
        if not proxy:
            POLICY.resolve(url.host, url.port)
        reached = _head(address, ca_file)
    except TransferError as error:
        remedy = error.remedy if asked else "If this machine has no way out, that is as it is."
        state: State = "failed" if asked else "warning"
        return Finding("network", host, state, redact(str(error)), remedy), None
    text = f"answers {way} after {reached.seconds:.2f} s, with status {reached.status}"
    return Finding("network", host, "ok", text), reached.ahead


def _without_login(proxy: str) -> str:
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    return redact(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")


def _head(address: str, ca_file: str | None) -> _Reached:
    with Transport(POLICY, ca_file, timeouts=TIMEOUTS) as transport:
        client = Client(transport, lambda: None)
        began = time.time()
        answer = client.call(address, method="HEAD", follow=False)
        ended = time.time()
    date, ahead = answer.headers.get("date"), None
    if date is not None:
        try:
            ahead = (began + ended) / 2 - parsedate_to_datetime(date).timestamp() - 0.5
        except (TypeError, ValueError):
            ahead = None
    return _Reached(answer.status, ended - began, ahead)


def _looked_at(address: str, ca_file: str | None) -> Finding:
    try:
        found = look("probe", address, {}, ca_file)
    except TransferError as error:
        return Finding("network", redact(address), "failed", redact(str(error)), error.remedy)
    if found["needs"]:
        text = f"asks for {'credentials' if found['needs'] == 'credentials' else 'a decision'}"
        return Finding("network", redact(address), "warning", text, "Give them with the transfer.")
    return Finding("network", redact(address), "ok", f"can be read as {found['backend']}")


def _clock(ahead: float, host: str) -> Finding:
    off = abs(ahead)
    if off < 2:  # Date has whole seconds
        return Finding("network", "clock", "ok", f"as that of {host}")
    text = f"{off:.0f} s {'ahead of' if ahead > 0 else 'behind'} that of {host}"
    if off < CLOCK_WARNING:
        return Finding("network", "clock", "ok", text)
    state: State = "failed" if off >= CLOCK_FAILURE else "warning"
    return Finding("network", "clock", state, text, "Set the clock, best by NTP.")
