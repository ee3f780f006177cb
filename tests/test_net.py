"""The address policy, strict URLs, redirects, proxies."""

from __future__ import annotations

import json
from ipaddress import ip_address

import pytest

from jupyter_transfer import net
from jupyter_transfer.errors import TransferError
from jupyter_transfer.net import (
    Policy,
    literal_address,
    parse_url,
    proxy_for,
    redirect_target,
    unwrap,
)
from jupyter_transfer.secrets import MASKS

HTTP = ("http", "https")

NEVER = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.0.1",
    "168.63.129.16",
    "192.0.0.192",
    "100.100.100.200",
    "fe80::1",
    "fe80::1%1",
    "febf::1",
    "fec0::1",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "::ffff:169.254.169.254",
    "::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a9fe:a9fe",
    "64:ff9b:1:a9fe:a9:fe00::",
    "2002:a9fe:a9fe::1",
    "2001:0:5ef5:79fd:0:0:5601:5601",
    "fe80::5efe:169.254.169.254",
    "2001:db8::5efe:a9fe:a9fe",
    "2001:db8::200:5efe:a9fe:a9fe",
]
USELESS = [
    "0.0.0.0",
    "0.1.2.3",
    "::",
    "224.0.0.1",
    "239.255.255.250",
    "255.255.255.255",
    "240.0.0.1",
    "192.0.0.8",
    "192.88.99.1",
    "ff02::1",
    "ff0e::1",
    "100::1",
    "::ffff:0.0.0.0",
    "::ffff:224.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::7f00:1",
    "2002:7f00:1::1",
    "2002:e000:1::1",
    "2001:db8::5efe:127.0.0.1",
]
LOOPBACK = ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1"]
OPEN = [
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "fd12:3456::1",
    "::ffff:10.0.0.1",
    "8.8.8.8",
    "2606:4700::1111",
    "64:ff9b::808:808",
    "2002:808:808::1",
    "169.253.255.255",
    "169.255.0.0",
    "168.63.129.17",
]


@pytest.mark.parametrize("address", NEVER)
@pytest.mark.parametrize(
    "policy",
    [Policy(), Policy(local=True), Policy.of(allow=["0.0.0.0/0", "::/0"])],
    ids=["default", "local", "allow-all"],
)
def test_link_local_and_metadata_are_refused_whatever_is_allowed(address, policy):
    with pytest.raises(TransferError) as caught:
        policy.check_socket("example.org", address)
    assert caught.value.code == "address_refused"
    assert "example.org" in caught.value.message


@pytest.mark.parametrize(
    ("host", "policy", "who"),
    [
        ("169.254.169.254", Policy(), "nobody"),
        ("169.254.169.254", Policy(local=True), "nobody"),
        ("169.254.169.254", Policy.of(deny=["169.254.0.0/16"]), "nobody"),
        ("metadata.google.internal", Policy(), "nobody"),
        ("fe80::1", Policy(), "nobody"),
        ("224.0.0.1", Policy(), "nobody"),
        ("64:ff9b::7f00:1", Policy(), "nobody"),
        ("127.0.0.1", Policy(), "the administrator"),
        ("10.0.0.1", Policy.of(deny=["10.0.0.0/8"]), "the administrator"),
        ("127.0.0.1", Policy.of(deny=["127.0.0.0/8"]), "the administrator"),
    ],
)
def test_the_remedy_names_who_can_allow_it(host, policy, who):
    with pytest.raises(TransferError) as caught:
        policy.check_host(host)
    assert ("administrator" in caught.value.remedy) == (who == "the administrator")
    assert (caught.value.detail.get("kind") == "never_called") == (who == "nobody")


@pytest.mark.parametrize("address", USELESS)
def test_useless_and_disguised_addresses_are_refused(address):
    assert Policy().refusal(ip_address(address))
    assert Policy.of(allow=["0.0.0.0/0", "::/0"]).refusal(ip_address(address))
    assert Policy(local=True).refusal(ip_address(address)) is None


@pytest.mark.parametrize("address", LOOPBACK)
def test_loopback_is_refused_until_it_is_allowed(address):
    assert Policy().refusal(ip_address(address))
    assert Policy.of(allow=["127.0.0.0/8", "::1/128"]).refusal(ip_address(address)) is None
    assert Policy(local=True).refusal(ip_address(address)) is None


@pytest.mark.parametrize("address", OPEN)
def test_private_and_public_addresses_may_be_called(address):
    assert Policy().refusal(ip_address(address)) is None


def test_only_the_allowed_part_of_loopback_opens():
    policy = Policy.of(allow=["127.0.0.2/32"])
    assert policy.refusal(ip_address("127.0.0.2")) is None
    assert policy.refusal(ip_address("127.0.0.1"))


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203"])
def test_deny_wins_over_allow_private_and_local(address):
    for local in (False, True):
        policy = Policy.of(allow=["10.0.0.0/8"], deny=["10.0.0.0/8"], local=local)
        assert policy.refusal(ip_address(address))


def test_teredo_carries_server_and_client():
    _, inner = unwrap(ip_address("2001:0:5ef5:79fd:0:0:5601:5601"))
    assert ip_address("169.254.169.254") in inner


def test_policy_survives_json():
    policy = Policy.of(["127.0.0.0/8"], ["10.0.0.0/8", "fd00::/8"], local=True)
    assert Policy.from_dict(json.loads(json.dumps(policy.as_dict()))) == policy


def test_a_malformed_network_is_told():
    with pytest.raises(TransferError) as caught:
        Policy.of(["10.0.0.0/40"])
    assert caught.value.code == "bad_request"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("2852039166", "169.254.169.254"),
        ("0xa9fea9fe", "169.254.169.254"),
        ("0251.0376.0251.0376", "169.254.169.254"),
        ("169.254.43518", "169.254.169.254"),
        ("127.1", "127.0.0.1"),
        ("0", "0.0.0.0"),
        ("[::1]", "::1"),
        ("127.0.0.1.", "127.0.0.1"),
    ],
)
def test_literal_addresses_in_every_spelling(text, address):
    assert literal_address(text) == ip_address(address)
    with pytest.raises(TransferError) as caught:
        Policy().check_host(text)
    assert caught.value.code == "address_refused"


@pytest.mark.parametrize(
    "text", ["example.org", "1.2.3.4.example", "a1", "0x.example", "99999999999"]
)
def test_names_are_no_literals(text):
    assert literal_address(text) is None
    Policy().check_host(text)


@pytest.mark.parametrize("name", ["metadata.google.internal", "METADATA.google.internal."])
def test_names_of_metadata_services_are_refused(name):
    with pytest.raises(TransferError):
        Policy(local=True).check_host(name)


# ---- URLs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("HTTP://Example.ORG", "http://example.org/"),
        ("http://example.org:80/a b".replace(" ", "%20"), "http://example.org/a%20b"),
        ("https://example.org:8443/x?y=1&z=%2F#frag", "https://example.org:8443/x?y=1&z=%2F"),
        ("http://bücher.example/ü", "http://xn--bcher-kva.example/%C3%BC"),
        ("http://[2001:DB8::1]:81/", "http://[2001:db8::1]:81/"),
        ("http://2130706433/", "http://127.0.0.1/"),
        ("http://example.org/a/../b//c;d", "http://example.org/a/../b//c;d"),
    ],
)
def test_urls_have_one_form(text, normal):
    assert str(parse_url(text, HTTP)) == normal
    assert str(parse_url(normal, HTTP)) == normal


@pytest.mark.parametrize(
    "text",
    [
        "http://",
        "http:///path",
        "http://a@b/",
        "http://user:password@example.org/",
        "http://example.org:0/",
        "http://example.org:99999/",
        "http://example.org:x/",
        "http://exa mple.org/",
        "http://exam\tple.org/",
        "http://example.org\\@evil.example/",
        "http://example.org/\r\nHost: evil",
        "http://%31%32%37.0.0.1/",
        "http://[::1",
        "http://[fe80::1%25eth0]/",
        "http://-example.org/",
        "http://example..org/",
        "http://ex<ample.org/",
        "http://example.org\x00.evil/",
    ],
)
def test_ambiguous_urls_are_refused(text):
    with pytest.raises(TransferError) as caught:
        parse_url(text, HTTP)
    assert caught.value.code in ("invalid_address", "address_refused")


@pytest.mark.parametrize(
    "text",
    ["file:///etc/passwd", "gopher://h/", "dict://h/", "ftp://h/", "data:,x", "javascript:x", "x"],
)
def test_schemes_that_are_not_ours_are_refused(text):
    with pytest.raises(TransferError) as caught:
        parse_url(text, HTTP)
    assert caught.value.code == "unsupported_scheme"


# ---- redirects ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/b", "https://example.org/b"),
        ("b?x=1", "https://example.org/a/b?x=1"),
        ("//other.example/c", "https://other.example/c"),
        ("https://other.example:444/", "https://other.example:444/"),
        ("https://user:pass@other.example/d", "https://other.example/d"),
        ("/with space", "https://example.org/with%20space"),
    ],
)
def test_redirects_are_resolved_without_user_names(location, target):
    current = parse_url("https://example.org/a/x", HTTP)
    assert str(redirect_target(current, location, HTTP)) == target


def test_redirect_from_https_to_http_is_refused():
    with pytest.raises(TransferError) as caught:
        redirect_target(parse_url("https://example.org/", HTTP), "http://example.org/", HTTP)
    assert caught.value.code == "remote_refused"


@pytest.mark.parametrize("location", ["file:///etc/passwd", "gopher://x/", "ftp://x/"])
def test_redirect_to_another_scheme_is_refused(location):
    with pytest.raises(TransferError) as caught:
        redirect_target(parse_url("http://example.org/", HTTP), location, HTTP)
    assert caught.value.code == "unsupported_scheme"


@pytest.fixture
def secret():
    secrets = ["canary/secret", "CANARY-Secret-2"]
    MASKS.add(*secrets)
    yield
    MASKS.drop(*secrets)


@pytest.mark.parametrize(
    "location",
    [
        "https://other.example/?x=canary%2Fsecret",
        "https://other.example/canary/secret",
        "https://example.org:444/?x=bWU6Y2FuYXJ5L3NlY3JldA==",
        "//canary%2fsecret.example/",
        "//CANARY-Secret-2.example/",
    ],
)
def test_a_redirect_does_not_hand_secrets_on(secret, location):
    with pytest.raises(TransferError) as caught:
        redirect_target(parse_url("https://example.org/", HTTP), location, HTTP)
    assert caught.value.code in ("remote_refused", "invalid_address")
    assert "canary" not in str(caught.value.as_dict())


def test_a_redirect_within_an_origin_may_hold_what_that_origin_knows(secret):
    current = parse_url("https://example.org/", HTTP)
    assert redirect_target(current, "/b?x=canary/secret", HTTP).query == "x=canary/secret"


# ---- proxies ------------------------------------------------------------------------------------


@pytest.fixture
def clean_environment(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


def test_proxies_of_the_environment(clean_environment):
    url = parse_url("https://example.org/", HTTP)
    assert proxy_for(url) is None
    clean_environment.setenv("all_proxy", "socks5h://proxy:1080")
    assert proxy_for(url) == "socks5h://proxy:1080"
    clean_environment.setenv("https_proxy", "http://proxy:3128")
    assert proxy_for(url) == "http://proxy:3128"
    clean_environment.setenv("no_proxy", "localhost,.example.org")
    assert proxy_for(parse_url("https://data.example.org/", HTTP)) is None
    clean_environment.setenv("no_proxy", "example.org")
    assert proxy_for(url) is None


@pytest.mark.parametrize("host", ["169.254.169.254", "localhost", "a.localhost", "127.0.0.1"])
def test_a_target_behind_a_proxy_is_judged_by_its_name(host):
    with pytest.raises(TransferError) as caught:
        Policy().check_behind_proxy(host, 80)
    assert caught.value.code == "address_refused"


def test_a_target_behind_a_proxy_is_judged_by_the_addresses_we_can_resolve(monkeypatch):
    def resolve(host, port, **_):
        if host == "unknown.example":
            raise OSError
        return [(2, 1, 6, "", ("8.8.8.8", port)), (2, 1, 6, "", ("169.254.169.254", port))]

    monkeypatch.setattr(net.socket, "getaddrinfo", resolve)
    with pytest.raises(TransferError):
        Policy().check_behind_proxy("rebind.example", 80)
    Policy().check_behind_proxy("unknown.example", 80)
