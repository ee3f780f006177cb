"""Which kinds of jobs the engine runs, as data: the server asks here, because
`jupyter_transfer.engine.job` loads libcurl."""

from __future__ import annotations

RUN_KINDS = ("fetch", "send", "sync", "copy", "extract", "pack")
"""Kinds of jobs that have a `Run`."""
