"""The servers of the tests end whole: a thread that still waited in accept(2) would keep the number
of a descriptor, and a long run would come to those that select(2) does not know."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from .chaos import running_chaos
from .ftplines import running_ftp_lines
from .proxy import running_proxy


@pytest.mark.parametrize("running", [running_chaos, running_proxy, running_ftp_lines])
def test_no_thread_is_left(running: Callable[[], AbstractContextManager[Any]]):
    before = set(threading.enumerate())
    with running() as server, socket.create_connection(("127.0.0.1", server.port)):
        pass
    until = time.monotonic() + 10
    while left := set(threading.enumerate()) - before:
        assert time.monotonic() < until, left
        time.sleep(0.01)
