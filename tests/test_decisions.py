"""An approval holds for exactly what was shown."""

from __future__ import annotations

import pytest

from jupyter_transfer.decisions import accept, approved, plan_hash
from jupyter_transfer.errors import TransferError

PLAN = {"kind": "plan", "copy": 1, "replace": 0, "delete": 2, "bytes": 5}


def asks(detail, code="needs_decision"):
    return TransferError(code, "Look.", detail=detail).as_dict()


def test_a_host_key_is_accepted_by_its_fingerprint():
    detail = {"kind": "host_key", "host": "h:22", "fingerprint": "SHA256:abc"}
    options = accept({"conflict": "fail"}, asks(detail))
    assert options == {"conflict": "fail", "host_key": "SHA256:abc"}


def test_an_approval_is_bound_to_its_plan():
    first = {**PLAN, "hash": plan_hash([["delete", "a"], ["delete", "b"]])}
    other = {**PLAN, "hash": plan_hash([["delete", "a"], ["delete", "c"]])}
    options = accept({}, asks(first))
    assert approved(options, first)
    assert not approved(options, other)  # the same counts, another file
    assert not approved({}, first)
    assert approved({"approve": True}, other)  # said beforehand: whatever it be


def test_a_plan_without_a_hash_is_bound_by_what_is_shown():
    options = accept({}, asks(PLAN))
    assert approved(options, PLAN)
    assert not approved(options, {**PLAN, "delete": 3})


def test_the_order_of_steps_counts_and_that_of_keys_does_not():
    assert plan_hash(["a", "b"]) != plan_hash(["b", "a"])
    assert plan_hash([{"x": 1, "y": 2}]) == plan_hash([{"y": 2, "x": 1}])
    assert plan_hash(["ab"]) != plan_hash(["a", "b"])


@pytest.mark.parametrize("reason", [None, asks({}, "needs_credentials")])
def test_nothing_to_approve(reason):
    with pytest.raises(TransferError) as caught:
        accept({}, reason)
    assert caught.value.code == "conflict"
