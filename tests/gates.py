"""Reads the package's source and tells which outside names each module uses and whom it imports.

A use is found by what a name *means*: ``from os import open as o; o(…)`` is a use of ``os.open``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import jupyter_transfer

PACKAGE = Path(jupyter_transfer.__file__).parent


@dataclass(frozen=True)
class Use:
    """A name of another module (or a builtin) that stands in a module."""

    module: str
    name: str
    line: int

    def __str__(self) -> str:
        return f"{self.module}:{self.line} uses {self.name}"


def sources() -> Iterator[tuple[str, str]]:
    """Name (``handlers/base.py``) and text of each module of the package."""
    for file in sorted(PACKAGE.rglob("*.py")):
        name = file.relative_to(PACKAGE).as_posix()
        if name != "_version.py" and not name.startswith("labextension/"):
            yield name, file.read_text(encoding="utf-8")


def _package_of(module: str) -> list[str]:
    return ["jupyter_transfer", *module.split("/")[:-1]]


def _imported(node: ast.Import | ast.ImportFrom, module: str) -> Iterator[tuple[str, str]]:
    """The local and the full name of each thing that an import statement brings."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.asname:
                yield alias.asname, alias.name
            else:
                yield alias.name.split(".")[0], alias.name.split(".")[0]
                yield "", alias.name
        return
    package = _package_of(module)
    base = package[: len(package) - node.level + 1] if node.level else []
    source = ".".join([*base, *filter(None, [node.module])])
    for alias in node.names:
        yield alias.asname or alias.name, f"{source}.{alias.name}"


def uses(module: str, text: str) -> Iterator[Use]:
    """Every outside name that `text` uses, imports included."""
    tree = ast.parse(text)
    names = {"open": "builtins.open", "__import__": "builtins.__import__"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for local, full in _imported(node, module):
                yield Use(module, full, node.lineno)
                if local:
                    names[local] = full
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            full = _resolve(node, names)
            if full:
                yield Use(module, full, node.lineno)


def _resolve(node: ast.expr, names: dict[str, str]) -> str | None:
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        base = _resolve(node.value, names)
        return f"{base}.{node.attr}" if base else None
    return None


def imports(module: str, text: str) -> Iterator[Use]:
    """What `text` imports when it runs; what only a type checker sees is left out."""
    tree = ast.parse(text)
    hidden = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and id(node) not in hidden:
            for _, full in _imported(node, module):
                yield Use(module, full, node.lineno)


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether `name`, or what it is an attribute of, is one of `patterns`."""
    parts = name.split(".")
    heads = [".".join(parts[: n + 1]) for n in range(len(parts))]
    return any(fnmatchcase(head, pattern) for head in heads for pattern in patterns)
