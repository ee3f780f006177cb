"""The panel's catalogues have what the backends declare: names, helps, choices, titles.

The keys are the English texts, with the context ``option`` (labextension/src/optionfields.tsx).
The .json is the .po's (jest: locale.spec.ts).
"""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from jupyter_transfer.backends import _OWN, load_all

_CONTEXT = "option\x04"
_LOCALES = files("jupyter_transfer") / "locale"


def _declared() -> set[str]:
    texts = set()
    for name in _OWN:
        backend = load_all()[name]
        texts.add(backend.title)
        for option in backend.options:
            texts |= {option.name, option.help, *option.choices}
    return texts - {""}


@pytest.mark.parametrize("language", [folder.name for folder in _LOCALES.iterdir()])
def test_declared_options_are_translated(language: str) -> None:
    catalogue = _LOCALES / language / "LC_MESSAGES" / "jupyter_transfer.json"
    entries = json.loads(catalogue.read_text("utf-8"))
    known = {
        key.removeprefix(_CONTEXT)
        for key, translations in entries.items()
        if key.startswith(_CONTEXT) and all(translations)
    }
    declared = _declared()
    assert sorted(declared - known) == [], "add them to the .po file, with msgctxt “option”"
    assert sorted(known - declared) == [], "no longer declared: remove them from the .po file"
