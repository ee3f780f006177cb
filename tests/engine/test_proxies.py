"""Proxies that the environment names."""

from __future__ import annotations

from jupyter_transfer.net import Policy

from ..servers.chaos import Resource, noise
from ..servers.proxy import running_proxy

DATA = noise(1_000_003)


def test_a_proxy_of_the_environment_carries_the_request(harness, chaos, monkeypatch):
    """The proxy sees the absolute address; its own address needs no permission."""
    asked = []

    def proxy(connection):
        asked.append(connection.request.path)
        Resource(DATA).answer(connection)

    chaos.add("http://files.example/f.bin", proxy)
    monkeypatch.setenv("http_proxy", chaos.url)
    harness.policy = Policy()  # loopback closed
    assert harness.run("http://files.example/f.bin").state == "done"
    assert set(asked) == {"http://files.example/f.bin"}
    assert (harness.folder / "f.bin").read_bytes() == DATA


def test_a_proxy_is_not_asked_for_what_may_not_be_called(harness, chaos, monkeypatch):
    monkeypatch.setenv("http_proxy", chaos.url)
    for host in ("169.254.169.254", "metadata.google.internal", "localhost.", "0x7f.1"):
        harness.policy = Policy()
        outcome = harness.run(f"http://{host}/latest/")
        assert outcome.error.code == "address_refused"
    assert chaos.requests == []


def test_tls_goes_through_the_tunnel_of_a_proxy(harness, nginx, certificate, monkeypatch):
    (nginx.files / "t.bin").write_bytes(DATA)
    harness.ca_file = str(certificate[0])
    with running_proxy() as proxy:
        monkeypatch.setenv("https_proxy", f"http://user:pass@{proxy.address}")
        assert harness.run(f"{nginx.tls_url}/t.bin").state == "done"
    assert (harness.folder / "t.bin").read_bytes() == DATA
    assert set(proxy.targets) == {nginx.tls_url.removeprefix("https://")}
    assert len(proxy.credentials) == len(proxy.targets)


def test_a_proxy_that_refuses(harness, nginx, monkeypatch):
    with running_proxy(refuse=True) as proxy:
        monkeypatch.setenv("https_proxy", f"http://user:hush@{proxy.address}")
        outcome = harness.run(f"{nginx.tls_url}/t.bin")
    assert (outcome.state, outcome.error.code) == ("failed", "connect_failed")
    assert "proxy" in outcome.error.message
    assert "hush" not in outcome.error.message


def test_no_proxy_for_what_the_environment_excepts(harness, chaos, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert harness.run(chaos.add("/f", Resource(DATA))).state == "done"
