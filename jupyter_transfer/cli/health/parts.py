"""Versions of what transfers are made with, and optional parts."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from packaging.requirements import Requirement
from packaging.version import Version

from ...backends import broken, git_program, load_all, rclone_program
from ...engine.curlversion import libcurl
from ...errors import TransferError
from ...secrets import bare_environment, keyring_name
from ...tools import run
from .finding import Finding

PACKAGE = "jupyter_transfer"

OPTIONAL = {
    "lab": "the panel in JupyterLab",
    "zh": "Chinese",
    "checksums": "checksums of S3 and its compatibles (CRC-32C, CRC-64)",
    "huggingface": "files of Hugging Face above 50 GB, and those that only Xet holds",
    "keyring": "credentials in the keyring of the desktop",
    "rclone": "every service that rclone knows (rclone://)",
}
"""Extra of the package -> what it is for."""

_OF_DEVELOPERS = frozenset({"all", "test", "lint", "build"})

_PROTOCOLS = {"https": "https:", "ftp": "ftp:", "sftp": "sftp:"}

_LFS_REMEDY = "Debian, Ubuntu: apt-get install git-lfs."


def versions() -> Iterator[Finding]:
    """Python, this package, and what it needs."""
    yield Finding("versions", "Python", "ok", platform.python_version())
    try:
        yield Finding("versions", PACKAGE, "ok", version(PACKAGE))
        needed = [Requirement(text) for text in requires(PACKAGE) or ()]
    except PackageNotFoundError:
        yield Finding(
            "versions", PACKAGE, "warning", "runs from a folder that is not installed", _install("")
        )
        needed = []
    for requirement in needed:
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield _required(requirement)
    yield _curl()


def optional() -> Iterator[Finding]:
    """Parts that only some transfers need."""
    for extra in sorted(extras() - {"rclone"}):  # that is a program, see below
        lacking = [r for r in _of_extra(extra) if not _suits(r)]
        names = ", ".join(f"{r.name} {_version(r.name)}" for r in _of_extra(extra))
        purpose = OPTIONAL.get(extra, extra)
        unusable = extra == "keyring" and not lacking and keyring_name() is None
        if unusable:
            text = f"{names}, but no keyring runs on this machine; it is for {purpose}"
            yield Finding("optional", extra, "missing", text, "Use files or variables instead.")
        elif lacking:
            text = f"lacks {', '.join(map(str, map(_plain, lacking)))}; it is for {purpose}"
            yield Finding("optional", extra, "missing", text, _install(extra))
        else:
            yield Finding("optional", extra, "ok", f"{names}: {purpose}")
    yield _program("rclone", rclone_program.program, OPTIONAL["rclone"])
    yield _program("git", git_program.program, "repositories of git (git+https:)")
    yield _program("git-lfs", _git_lfs, "large files in repositories of git")


def services() -> Iterator[Finding]:
    """The backends, and those that cannot be loaded."""
    yield Finding("services", "loaded", "ok", ", ".join(load_all()))
    for one in broken():
        text = f"of the package {one.package} " if one.package else ""
        text = f"{text}cannot be loaded: {one.cause}"
        yield Finding("services", one.name, "failed", text, one.remedy)


def extras() -> frozenset[str]:
    """The extras of this package that a person may want."""
    try:
        every = metadata(PACKAGE).get_all("Provides-Extra") or []
    except PackageNotFoundError:
        return frozenset()
    return frozenset(every) - _OF_DEVELOPERS


def _of_extra(extra: str) -> list[Requirement]:
    every = [Requirement(text) for text in requires(PACKAGE) or ()]
    return [
        r
        for r in every
        if r.marker and r.marker.evaluate({"extra": extra}) and not r.marker.evaluate({"extra": ""})
    ]


def _required(requirement: Requirement) -> Finding:
    found = _version(requirement.name)
    name = requirement.name
    if _suits(requirement):
        return Finding("versions", name, "ok", found)
    text = f"{found or 'is not installed'}; {requirement.specifier or 'any version'} is needed"
    return Finding("versions", name, "failed", text, f'Run pip install "{_plain(requirement)}".')


def _plain(requirement: Requirement) -> str:
    return f"{requirement.name}{requirement.specifier}"


def _suits(requirement: Requirement) -> bool:
    found = _version(requirement.name)
    return bool(found) and requirement.specifier.contains(Version(found), prereleases=True)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _install(extra: str) -> str:
    return f'Run pip install "{PACKAGE}{f"[{extra}]" if extra else ""}".'


def _curl() -> Finding:
    name, protocols = libcurl()
    lacking = [shown for key, shown in _PROTOCOLS.items() if key not in protocols]
    if not lacking:
        return Finding("versions", "libcurl", "ok", name)
    return Finding(
        "versions",
        "libcurl",
        "failed" if "https:" in lacking else "warning",
        f"{name} cannot do {', '.join(lacking)}",
        "Run pip install --force-reinstall pycurl.",
    )


def _program(name: str, find: Callable[[], str], purpose: str) -> Finding:
    try:
        told = _first_line(find())
    except TransferError as error:
        text = f"{error.message} It is for {purpose}."
        return Finding("optional", name, "missing", text, error.remedy)
    return Finding("optional", name, "ok", f"{told}: {purpose}")


def _first_line(program: str) -> str:
    told = run([program, "version"], bare_environment()).decode("utf-8", "replace")
    return next(iter(told.splitlines()), "of an unknown version")


def _git_lfs() -> str:
    path = git_program.lfs_program()
    if path is None:
        raise TransferError("tool_missing", "There is no git-lfs.", _LFS_REMEDY)
    return path
