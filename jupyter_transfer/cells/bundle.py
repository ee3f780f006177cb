"""What the output of a cell holds of a job: data that the front end of this extension draws live,
and HTML and text for all others."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from ..cli.follow import HERE
from ..cli.words import counts, ending, heading, remark
from ..client import AT_REST
from ..secrets import redact_all
from ..spec import now

Json = dict[str, Any]

JOB = "application/vnd.jupyter-transfer.job+json"
"""A job as it was when the kernel last looked: ``where`` it runs (``server`` or ``kernel``), when
that was (``at``, ISO 8601), and `FIELDS` of it."""

JOBS = "application/vnd.jupyter-transfer.jobs+json"
"""Several jobs of the server, the newest first: ``jobs``, each as that of `JOB` with ``at``, and
``more``, how many others it lists."""

UPLOAD = "application/vnd.jupyter-transfer.upload+json"
"""A place to drop files: ``folder`` of the server, below its root, "" for the root."""

VERSION = 1

FIELDS = (
    "id",
    "kind",
    "source",
    "destination",
    "state",
    "phase",
    "priority",
    "reason",
    "progress",
    "verified",
    "unverified",
    "attempt",
    "created",
    "started",
    "finished",
    "revision",
)
"""What is kept of a job in a notebook, which may be given away: neither options nor owner."""

_COLOURS = {"done": "success", "failed": "error", "waiting": "warn", "paused": "warn"}


def bundle_of(job: Json, where: str) -> Json:
    """The contract's JSON of `job` as a MIME bundle; `where` is `HERE` for one of the kernel."""
    job = redact_all(job)
    data = {
        "version": VERSION,
        "where": "kernel" if where == HERE else "server",
        "at": now(),
        "job": _kept(job),
    }
    return {JOB: data, "text/html": html_of(job), "text/plain": plain_of(job)}


def jobs_bundle(jobs: Sequence[Json], more: int = 0) -> Json:
    """The contract's JSON of `jobs` of the server as a MIME bundle; `more` are left out."""
    if not jobs:
        return {"text/plain": "No transfers."}
    listed = [redact_all(job) for job in jobs]
    rows = "".join(
        f"<tr><td><code>{escape(job['id'][:8])}</code></td><td>{escape(job['state'])}</td>"
        f"<td style='text-align:left'>{escape(heading(job))}</td>"
        f"<td style='text-align:left'>{escape(remark(job) or counts(job))}</td></tr>"
        for job in listed
    )
    lines = [f"{job['id'][:8]}  {job['state']:9}  {heading(job)}" for job in listed]
    rest = f"… and {more} more: jupyter transfer jobs." if more else ""
    return {
        JOBS: {"version": VERSION, "at": now(), "jobs": [*map(_kept, listed)], "more": more},
        "text/html": f"<table>{rows}</table>{escape(rest)}",
        "text/plain": "\n".join(filter(None, [*lines, rest])),
    }


def _kept(job: Json) -> Json:
    return {name: job.get(name) for name in FIELDS}


def plain_of(job: Json) -> str:
    """A job in a line or two."""
    if job["state"] in AT_REST:
        return f"{heading(job)}\n{ending(job)}"
    return f"{heading(job)}: {remark(job) or counts(job)}"


def html_of(job: Json) -> str:
    """A job as it looks where this extension does not draw it."""
    progress = job["progress"]
    total = progress["bytes_total"]
    at_rest = job["state"] in AT_REST
    if at_rest:
        bar = ""
    elif total:
        bar = f'<progress value="{progress["bytes_done"]}" max="{total}"></progress> '
    else:
        bar = "<progress></progress> "
    colour = _COLOURS.get(job["state"])
    style = f' style="color:var(--jp-{colour}-color1)"' if colour else ""
    text = ending(job) if at_rest else remark(job) or counts(job)
    lines = "<br>".join(escape(line) for line in text.splitlines())
    return f"<div><div>{escape(heading(job))}</div><div{style}>{bar}{lines}</div></div>"


def upload_bundle(folder: str) -> Json:
    """A place to drop files for `folder` of the server."""
    shown = f"“{folder}”" if folder else "the root folder of the server"
    text = (
        f"Files are uploaded to {shown} here where JupyterLab or Notebook 7 has the extension "
        "jupyter_transfer."
    )
    return {UPLOAD: {"version": VERSION, "folder": folder}, "text/plain": text}
