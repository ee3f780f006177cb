"""What each end of a job between two services sees of its options: nothing of the other's."""

from __future__ import annotations

import pytest

from jupyter_transfer.backends import find, load_all, secret_names
from jupyter_transfer.backends.base import Context
from jupyter_transfer.backends.ends import context_of, name_at_destination, options_between
from jupyter_transfer.secrets import Credential

ME, OTHER = Credential("me", "canary-me"), Credential("other", "canary-other")


def seen(options: dict, source: str, destination: str, **more: object) -> tuple[Context, Context]:
    context = Context(options, **more)
    return tuple(context_of(context, source, destination, end) for end in ("source", "destination"))


def test_every_pair_of_services_has_every_option_once():
    kinds = load_all().values()
    for source in kinds:
        for destination in kinds:
            between = options_between(source, destination)
            for end, kind, other in (
                ("source", source, "destination"),
                ("destination", destination, "source"),
            ):
                wanted = {o.name for o in kind.options if o.side != other}
                found = [o.name for whose, o in between.values() if whose == end]
                assert {name.removeprefix("dest_") for name in found} == wanted
                assert len(found) == len(wanted)


def test_nothing_of_one_service_is_told_to_another():
    options = {"password": "canary-here", "username": "a", "dest_password": "canary-there"}
    here, there = seen(options, "sftp://a/x", "sftp://b/y", credential=ME)
    assert "canary-there" not in str(dict(here.options))
    assert "canary-here" not in str(dict(there.options))
    assert (there.options.get("username"), there.options["password"]) == (None, "canary-there")
    assert there.credential is None or "canary-me" not in there.credential.secrets()
    here, there = seen({"token": "canary"}, "https://a/x", "https://b/y", credential=ME)
    assert here.options["token"] == "canary"
    assert (there.options.get("token"), there.credential) == (None, None)
    here, there = seen({}, "https://a/x", "https://b/y", destination_credential=OTHER)
    assert (here.credential, there.credential) == (None, OTHER)


def test_one_service_is_asked_by_one_person_unless_told_otherwise():
    s3 = {"endpoint": "https://e", "access_key_id": "k", "secret_access_key": "canary"}
    here, there = seen({**s3, "version": "v", "acl": "private"}, "s3://aaa/x", "s3://bbb/y")
    assert dict(here.options) == {**s3, "version": "v"}
    assert dict(there.options) == {**s3, "acl": "private"}
    _, there = seen({**s3, "dest_endpoint": "https://other"}, "s3://aaa/x", "s3://bbb/y")
    assert dict(there.options) == {"endpoint": "https://other"}
    here, there = seen({"token": "t"}, "https://a/x", "https://a/y", credential=ME)
    assert (there.options["token"], there.credential) == ("t", ME)
    _, there = seen({"token": "t"}, "https://a/x", "https://a:8443/y", credential=ME)
    assert (there.options.get("token"), there.credential) == (None, None)
    _, there = seen({"dest_token": "u"}, "https://a/x", "https://a/y", credential=ME)
    assert (there.options["token"], there.credential) == ("u", None)


def test_the_options_of_the_job_itself_reach_both_ends():
    for context in seen({"include": ["*.csv"], "bandwidth": 5}, "s3://aaa/x", "https://b/y"):
        assert dict(context.options) == {"include": ["*.csv"], "bandwidth": 5}


@pytest.mark.parametrize(
    ("source", "option", "name"),
    [
        ("s3://aaa/x", "endpoint", "dest_endpoint"),
        ("s3://aaa/x", "acl", "acl"),
        ("https://a/x", "endpoint", "endpoint"),
        ("https://a/x", "password", "dest_password"),
    ],
)
def test_names_at_the_destination(source: str, option: str, name: str):
    assert name_at_destination(source, "s3://bbb/y", option) == name


def test_secrets_of_both_ends():
    names = secret_names("s3://aaa/x", "s3://bbb/y")
    secret = {option.name for option in find("s3://a").options if option.secret}
    assert names == secret | {"dest_" + name for name in secret}
    assert secret_names("s3://aaa/x", "folder") == secret
