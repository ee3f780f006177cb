"""The gate to the network: the only module that decides whether an address may be called.

The decision is made on the address that a socket is about to connect to, after name resolution
(libcurl's OPENSOCKETFUNCTION), so a name that answers differently the second time gains nothing.
Literal addresses are judged earlier, which gives a better message, and once more at the socket.

`ipaddress.is_global` is not enough: up to Python 3.13 it calls 168.63.129.16, 192.0.0.192,
64:ff9b::a9fe:a9fe, 2002:a9fe:a9fe::1 and ::127.0.0.1 global. So the table is our own, and an
address that wraps another one (mapped, NAT64, 6to4, Teredo, ISATAP) is judged by what it wraps.

======================================  =================  ===========  =================
address                                 default            `allow`      `local` (the CLI)
======================================  =================  ===========  =================
link-local, cloud metadata              refused            still so     refused
unspecified, multicast, reserved        refused            still so     allowed
wrapped loopback (not plain ::ffff:)    refused            still so     allowed
loopback                                refused            allowed      allowed
private and public                      allowed            allowed      allowed
in `deny`                               refused            refused      refused
======================================  =================  ===========  =================
"""

from __future__ import annotations

import re
import socket
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Any
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from .errors import TransferError
from .secrets import MASKS

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAX_REDIRECTS = 10

_DEFAULT_PORTS = {"http": 80, "https": 443, "ftp": 21, "ftps": 990, "sftp": 22}

# ---- the table --------------------------------------------------------------------------------

_METADATA = tuple(
    ip_network(text)
    for text in (
        "169.254.0.0/16",  # link-local: 169.254.169.254 (EC2, GCE, Azure, OpenStack), ECS, EKS
        "168.63.129.16/32",  # Azure wire server
        "192.0.0.192/32",  # Oracle
        "100.100.100.200/32",  # Alibaba
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local, its deprecated sister
        "fd00:ec2::/32",  # EC2 metadata, DNS and time over IPv6
        "fd20:ce::254/128",  # GCE over IPv6
        "fd00:c1::a9fe:a9fe/128",  # Oracle over IPv6
        "fd00:42::42/128",  # Scaleway
    )
)
_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_USELESS = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # "this host": Linux connects it to loopback
        "192.0.0.0/24",  # IETF protocol assignments
        "192.88.99.0/24",  # 6to4 relays
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "::/128",
        "100::/64",  # discard
        "ff00::/8",  # multicast
    )
)
# Names that lead to metadata wherever they resolve; a proxy would resolve them for us.
_METADATA_NAMES = {
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "metadata.tencentyun.com",
    "instance-data",
    "instance-data.ec2.internal",
}

# Why an address is refused. Only the first two are the administrator's to decide.
_CLOSED = "a network that this server's administrator has closed"
_LOOPS = "a loopback address"
_LINK_LOCAL = "a link-local or metadata address"
_METADATA_SERVICE = "a metadata service"
_RESERVED = "an unspecified, multicast or reserved address"
_DISGUISED = "a loopback address in disguise"

_NOBODY_CAN = "No setting allows such addresses; use another one of that host."

_COMPATIBLE = ip_network("::/96")
_NAT64 = ip_network("64:ff9b::/96")
_NAT64_LOCAL = ip_network("64:ff9b:1::/48")


def unwrap(address: Address) -> tuple[Address, list[Address]]:
    """`address` with IPv4-mapped taken off, and the addresses that it carries inside.

    An IPv4-mapped address *is* the IPv4 address; the others (IPv4-compatible, NAT64 of RFC 6052
    and RFC 8215, 6to4, Teredo, ISATAP) reach the inner one by a detour.
    """
    if isinstance(address, IPv4Address):
        return address, []
    if address.ipv4_mapped:
        return address.ipv4_mapped, []
    low = int(address) & 0xFFFFFFFF
    inner: list[Address] = []
    if (address in _COMPATIBLE and low > 0xFFFF) or address in _NAT64:
        inner.append(IPv4Address(low))
    elif address in _NAT64_LOCAL:
        # RFC 6052 2.2, prefix of 48 bits: the IPv4 address stands around the "u" octet; operators
        # use longer prefixes below it too, so the last 32 bits are judged as well.
        value = int(address)
        inner += [
            IPv4Address(low),
            IPv4Address(((value >> 64) & 0xFFFF) << 16 | (value >> 40) & 0xFFFF),
        ]
    if address.sixtofour:
        inner.append(address.sixtofour)
    if address.teredo:
        inner += address.teredo
    if int(address) >> 32 & 0xFCFFFFFF == 0x00005EFE:  # ISATAP, RFC 5214 6.1
        inner.append(IPv4Address(low))
    return address, inner


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)


@dataclass(frozen=True)
class Policy:
    """Which addresses may be called.

    Parameters
    ----------
    allow: networks opened over the default: loopback, or a part of it.
    deny: networks closed over the default and over `allow`.
    local: the CLI run by a person at a terminal, who may call what that person may call;
        link-local and metadata addresses stay closed.
    """

    allow: tuple[Network, ...] = ()
    deny: tuple[Network, ...] = ()
    local: bool = False

    @classmethod
    def of(cls, allow: Iterable[str] = (), deny: Iterable[str] = (), local: bool = False) -> Policy:
        """The policy of networks in CIDR notation; ``bad_request`` for one that is none."""
        return cls(_networks(allow), _networks(deny), local)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Policy:
        """The policy that `as_dict` wrote."""
        return cls.of(value.get("allow", ()), value.get("deny", ()), bool(value.get("local")))

    def as_dict(self) -> dict[str, Any]:
        """The policy as JSON: ``{"allow": [cidr], "deny": [cidr], "local": bool}``."""
        return {
            "allow": [str(network) for network in self.allow],
            "deny": [str(network) for network in self.deny],
            "local": self.local,
        }

    def refusal(self, address: Address) -> str | None:
        """Why `address` may not be called, as a noun phrase; None when it may."""
        if isinstance(address, IPv6Address) and address.scope_id:
            address = IPv6Address(int(address))
        plain, inner = unwrap(address)
        every = [address, plain, *inner]
        rows: list[tuple[str, list[Address], Iterable[Network]]] = [
            (_LINK_LOCAL, every, _METADATA),
            (_CLOSED, every, self.deny),
        ]
        if not self.local:
            rows += [
                (_RESERVED, every, _USELESS),
                (_DISGUISED, inner, _LOOPBACK),
            ]
            if not _within(plain, self.allow):
                rows.append((_LOOPS, [plain], _LOOPBACK))
        return next(
            (
                reason
                for reason, addresses, networks in rows
                if any(_within(address, networks) for address in addresses)
            ),
            None,
        )

    def check_socket(self, host: str, address: str) -> None:
        """Judge the numeric `address` that a socket for `host` is about to connect to.

        Raises ``address_refused``, with the host named.
        """
        reason = self.refusal(ip_address(address))
        if reason:
            raise _refused(host, reason)

    def check_host(self, host: str) -> None:
        """Judge a literal address, or a name known to lead to metadata; any other name passes,
        for its address is judged at the socket. Raises ``address_refused``."""
        literal = literal_address(host)
        if literal is not None:
            self.check_socket(host, str(literal))
        elif host.rstrip(".").lower() in _METADATA_NAMES:
            raise _refused(host, _METADATA_SERVICE)

    def resolve(self, host: str, port: int) -> list[str]:
        """The addresses of `host`, each judged, for a program that has to connect to nothing else.

        Raises ``address_refused``, ``dns_failed``.
        """
        self.check_host(host)
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            raise TransferError("dns_failed", f"The name “{host}” cannot be resolved.") from None
        addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
        for address in addresses:
            self.check_socket(host, address)
        return addresses

    def check_behind_proxy(self, host: str, port: int) -> None:
        """Judge a target that a proxy will resolve and call for us: its name, and its addresses
        if this machine can resolve it. Raises ``address_refused``."""
        self.check_host(host)
        name = host.rstrip(".").lower()
        if name == "localhost" or name.endswith(".localhost"):
            self.check_socket(host, "127.0.0.1")
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            return  # only the proxy knows this name
        for *_, address in found:
            self.check_socket(host, str(address[0]))


def _networks(values: Iterable[str]) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(value, strict=False) for value in values)
    except ValueError as error:
        raise TransferError(
            "bad_request", f"{error}.", "Write networks like 10.0.0.0/8 or fd00::/8."
        ) from None


def _refused(host: str, reason: str) -> TransferError:
    final = reason not in (_CLOSED, _LOOPS)
    return TransferError(
        "address_refused",
        f"The host “{host}” is not called from here: it is {reason}.",
        _NOBODY_CAN if final else "",
        detail={"host": host, **({"kind": "never_called"} if final else {})},
    )


def literal_address(host: str) -> Address | None:
    """The address that `host` spells, in any form that resolvers take (``127.1``, ``0x7f000001``,
    ``2130706433``, ``0177.0.0.1``); None for a name."""
    bare = host.strip("[]").rstrip(".")
    try:
        return ip_address(bare)
    except ValueError:
        pass
    # inet_aton takes trailing rubbish after a blank; names never look like this.
    if re.fullmatch(r"(0[xX][0-9a-fA-F]*|[0-9]+)(\.(0[xX][0-9a-fA-F]*|[0-9]+)){0,3}", bare):
        try:
            return IPv4Address(socket.inet_aton(bare))
        except OSError:
            return None
    return None


# ---- URLs -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Url:
    """A URL in the one form that every parser reads alike."""

    scheme: str
    host: str
    port: int
    path: str
    query: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: credentials stay within it (RFC 6454)."""
        return (self.scheme, self.host, self.port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _DEFAULT_PORTS.get(self.scheme) else f":{self.port}"
        query = f"?{self.query}" if self.query else ""
        return f"{self.scheme}://{host}{port}{self.path}{query}"


_UNCLEAR = re.compile(r"[\x00-\x20\x7f\\]")
_PARTS = re.compile(r"([^/?#]*//[^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#.*)?")
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_.-]{1,253}\.?")


def parse_url(text: str, schemes: Collection[str]) -> Url:
    """`text` parsed strictly; anything that two parsers could read differently is refused.

    The fragment is dropped, characters outside ASCII are percent-encoded, an international host
    becomes punycode, a number that spells an IPv4 address its dotted form.

    Raises ``invalid_address``, or ``unsupported_scheme`` for one that is not in `schemes`.
    """
    scheme, origin, path, query = _split(text)
    if scheme not in schemes:
        raise TransferError(
            "unsupported_scheme",
            f"Addresses of the kind “{scheme[:20]}:” are not supported here."
            if scheme
            else "The address does not begin with a scheme such as https:.",
        )
    host, port = _parse_origin(origin)
    return Url(scheme, host, port, path, query)


@lru_cache(maxsize=64)  # of one file several times in a row
def _split(text: str) -> tuple[str, str, str, str]:
    """Scheme (in lower case, "" if there is none), all up to the path, path and query of a URL."""
    if _UNCLEAR.search(text):
        raise _invalid("it holds a blank, a backslash or a control character")
    parts = _PARTS.fullmatch(text)
    origin, path, query = parts.groups("") if parts else (text, "", "")
    scheme = origin.partition(":")[0].lower() if ":" in origin else ""
    return scheme, origin, _encode(path) or "/", _encode(query)


@lru_cache(maxsize=1024)  # thousands of files lie on one host
def _parse_origin(origin: str) -> tuple[str, int]:
    """Host and port of a URL that ends with them."""
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        raise _invalid("its host or port is malformed") from None
    if "@" in parts.netloc:
        raise _invalid(
            "it holds a user name or password", "Give credentials apart from the address."
        )
    if port == 0:
        raise _invalid("port 0 does not exist")
    return _parse_host(parts.hostname or ""), port or _DEFAULT_PORTS.get(parts.scheme, 0)


def _parse_host(host: str) -> str:
    if not host:
        raise _invalid("it names no host")
    if "%" in host:  # encoded by one parser and not by another, or the zone of an IPv6 address
        raise _invalid("its host name is malformed")
    literal = literal_address(host)
    if literal is not None:
        return str(literal)
    if ":" in host:
        raise _invalid("its IPv6 address is malformed")
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            raise _invalid("its host name is malformed") from None
    if not _HOST_NAME.fullmatch(host) or ".." in host:
        raise _invalid("its host name is malformed")
    return host.lower()


def _encode(text: str) -> str:
    """Percent-encode what may not stand in a URL; what is encoded already stays as it is."""
    return quote(text, safe="%/:?#[]@!$&'()*+,;=-._~|")


def _invalid(why: str, remedy: str = "") -> TransferError:
    return TransferError("invalid_address", f"This is not a valid address: {why}.", remedy)


def redirect_target(current: Url, location: str, schemes: Collection[str]) -> Url:
    """Where a redirect from `current` leads, if it may be followed.

    User names in it are dropped: they would be the other side's choice of credentials.

    Raises ``remote_refused`` for a step from https to plain http, and for one to another origin
    whose address holds a secret of ours; ``unsupported_scheme`` and ``invalid_address`` as
    `parse_url`.
    """
    joined = urljoin(str(current), location.strip().replace(" ", "%20"))
    parts = urlsplit(joined)
    if "@" in parts.netloc:
        joined = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    target = parse_url(joined, schemes)
    if current.scheme in ("https", "ftps", "sftp") and target.scheme in ("http", "ftp"):
        raise TransferError(
            "remote_refused",
            f"“{current.host}” redirects from an encrypted to a plain connection.",
            "Use the address that it redirects to, if you trust the network in between.",
        )
    if target.origin != current.origin and MASKS.shown_in(str(target)):
        raise TransferError(
            "remote_refused",
            f"“{current.host}” wants to hand your credentials on to another server.",
            "Use the address of that server, if they are meant for it.",
        )
    return target


# ---- proxies ----------------------------------------------------------------------------------


def proxy_for(url: Url) -> str | None:
    """The proxy that the environment names for `url` (``https_proxy``, ``all_proxy``,
    ``no_proxy`` …), None for a direct connection. It may hold credentials: never log it."""
    from urllib import request  # noqa: PLC0415 - slow to import, and needed in workers only

    proxies: dict[str, str] = request.getproxies_environment()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if not proxy or request.proxy_bypass(f"{url.host}:{url.port}", proxies):
        return None
    return proxy
