"""What is said of a job in words."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")

_VERBS = {
    "fetch": "Fetch",
    "send": "Send",
    "sync": "Sync",
    "copy": "Copy",
    "extract": "Extract",
    "pack": "Archive",
}

_WHY_NOT = {
    "no_digest": "the source states no digest",
    "composite_checksum": "the source states a checksum of checksums",
    "multipart_etag": "the source states a checksum of its parts only",
    "unsupported_algorithm": "the source's digest cannot be computed here",
    "content_coding": "the source's digest is of the compressed form",
    "switched_off": "you asked not to",
    "present": "it was here already",
    "skipped": "what is there is not ours",
    "resumed": "the copy went on after a break",
    "several": "for several reasons, see its files",
}


def amount(count: float) -> str:
    """Bytes for people: ``1.5 MiB``."""
    value, unit = float(count), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return (
        f"{value:.0f} {_UNITS[unit]}"
        if unit == 0 or value >= 100
        else f"{value:.1f} {_UNITS[unit]}"
    )


def duration(seconds: float) -> str:
    """Seconds for people: ``2:05``, ``1:02:05``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def plural(count: int, word: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def heading(job: Json) -> str:
    """What it is about to do."""
    target = job["destination"] or "."
    more = len(job["options"].get("paths") or ())
    others = f" and {more} more" if more else ""
    return f"{_VERBS.get(job['kind'], job['kind'])} {job['source']}{others} → {target}"


def counts(job: Json) -> str:
    """How far it is."""
    progress = job["progress"]
    done, total = amount(progress["bytes_done"]), progress["bytes_total"]
    text = done if total is None else f"{done} of {amount(total)}"
    if (progress["files_total"] or 0) > 1:
        text += f", {progress['files_done']:,} of {plural(progress['files_total'], 'file')}"
    return text


def remark(job: Json) -> str:
    """Why it does not move just now; "" if it does."""
    reason = job["reason"]
    if job["state"] == "queued" and reason:
        again = f" Next try at {reason['retry_at']}." if reason.get("retry_at") else ""
        return f"{reason['message']}{again}"
    if job["state"] == "queued":
        return "waits for its turn"
    return f"{job['phase']}…" if job["phase"] else ""


def ending(job: Json) -> str:
    """How it came to rest, in a line or two."""
    state, reason, progress = job["state"], job["reason"], job["progress"]
    if state == "done":
        text = f"Done: {counts(job)}, {proof(job)}."
        return text + (f"\n{reason['message']}" if reason else "")
    if state in ("failed", "waiting") and reason:
        text = f"{'Failed' if state == 'failed' else 'Waiting'}: {reason['message']}"
        if state == "failed" and progress["files_done"] and progress["files_failed"]:
            text += (
                f" {plural(progress['files_failed'], 'file')} of {progress['files_total']} failed."
            )
        return text + (f"\n{reason['remedy']}" if reason.get("remedy") else "")
    return f"{state.capitalize()}: {counts(job)}."


def proof(job: Json) -> str:
    """Whether the bytes are proven, and why not."""
    if job["verified"]:
        return "verified"
    why = _WHY_NOT.get(job.get("unverified") or "", "")
    return f"not verifiable ({why})" if why else "not verifiable"


def step(entry: Json) -> str:
    """One step of a plan."""
    size = "" if entry.get("size") is None else f"  {amount(entry['size'])}"
    return f"  {entry.get('action', ''):8} {entry['path']}{size}"


def push_line(push: Json) -> str:
    """Where a push goes, and what it sends beside files."""
    branch = f"new branch {push['branch']}" if push["new_branch"] else f"branch {push['branch']}"
    commits = plural(push["commit_count"], "commit")
    objects = plural(push["objects"], "object")
    return f"To push to the {branch}: {commits}; of LFS: {objects}, {amount(push['object_bytes'])}."


def plan_line(plan: Json) -> str:
    """How much a plan does."""
    deletes = plural(plan["delete"], "file")
    if plan.get("folders"):
        deletes += f" and {plural(plan['folders'], 'folder')} that are empty then"
    if plan.get("fail"):
        deletes += f"; impossible: {plan['fail']:,}"
    return (
        f"To copy: {plural(plan['copy'], 'file')}; to replace: {plan['replace']:,}; "
        f"to delete: {deletes}; {amount(plan['bytes'])} to move."
    )
