"""Web pages of hosts that show repositories: what a person copies out of the browser's address
line. A page of a single file is none: its bytes are fetched as any others of the web."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

_SCHEME = "https"

_PATHS = {
    "github.com": (
        "about account apps codespaces collections contact customer-stories dashboard enterprise "
        "events explore features gist issues join login logout marketplace new notifications "
        "organizations orgs pricing pulls readme search security sessions settings signup site "
        "sponsors stars team topics trending users"
    ),
    "gitlab.com": (
        "- admin api assets dashboard explore groups help import jwt oauth profile projects public "
        "search snippets uploads users"
    ),
    "gitee.com": (
        "about api all-about-git dashboard education enterprises events explore features gitee-go "
        "help login organizations profile pricing search signup topics"
    ),
}
_NOT_OWNERS = {host: frozenset(paths.split()) for host, paths in _PATHS.items()}
"""First segments of paths that are no person and no organisation, by host."""


def repository_of(address: str) -> tuple[str, str] | None:
    """The address of the repository that the page at `address` shows, and what stands behind
    ``/tree/``: a ref, and perhaps a folder; None for other addresses."""
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").removeprefix("www.")
        port = parts.port
    except ValueError:
        return None
    if parts.scheme.lower() not in ("https", "http"):
        return None
    segments = [one for one in parts.path.split("/") if one]
    found = _split(host if port is None else "", segments)
    if found is None:
        return None
    path, ref = found
    site = parts.netloc.rpartition("@")[2]
    return f"{_SCHEME}://{site.removeprefix('www.')}/{'/'.join(path)}.git", unquote("/".join(ref))


def _split(host: str, segments: list[str]) -> tuple[list[str], list[str]] | None:
    """The path of the repository, and what is behind ``tree``."""
    if "-" in segments:  # GitLab, wherever it runs
        cut = segments.index("-")
        is_tree = segments[cut + 1 : cut + 2] == ["tree"] and len(segments) > cut + 2
        return (segments[:cut], segments[cut + 2 :]) if cut >= 2 and is_tree else None
    if host not in _NOT_OWNERS or len(segments) < 2 or segments[0] in _NOT_OWNERS[host]:
        return None
    if segments[-1].endswith(".git") or any("@" in one for one in segments[:2]):
        return None
    if host == "gitlab.com":
        return segments, []
    if len(segments) == 2:
        return segments, []
    is_tree = segments[2] == "tree" and len(segments) > 3
    return (segments[:2], segments[3:]) if is_tree else None
