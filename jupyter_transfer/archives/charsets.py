"""Names of archives whose bytes do not say how they are to be read.

A zip entry without the flag for UTF-8 has a name in CP437, says the standard (APPNOTE 6.3.10, 4.4.4
and appendix D). In truth it is that of whoever made it: UTF-8 from macOS, GBK from a Chinese
Windows. What is valid UTF-8 is nothing else by chance; of GBK the characters of GB 2312, which
nearly all names are made of, are looked for, for their bytes do not meet in words of western
languages.
"""

from __future__ import annotations

import codecs

from ..errors import TransferError

CHARSETS = (
    "utf-8", "cp437", "cp850", "cp866", "cp1251", "cp1252", "gb18030", "gbk", "big5", "shift_jis",
    "cp932", "euc_jp", "euc_kr", "cp949", "latin-1",
)  # fmt: skip
"""What a person may say that names are in."""


def known_charset(name: str) -> str:
    """The normal form of the name of a charset. Raises ``bad_request``."""
    known = {codecs.lookup(charset).name: charset for charset in CHARSETS}
    try:
        return known[codecs.lookup(name).name]
    except (LookupError, KeyError):
        raise TransferError(
            "bad_request",
            f"“{name[:40]}” is not a known way to write names.",
            f"Use one of: {', '.join(CHARSETS)}.",
        ) from None


def decode_name(raw: bytes, charset: str | None = None) -> str:
    """The name `raw`; by `charset` if a person has said so. What has no meaning becomes U+FFFD."""
    if charset is not None:
        return raw.decode(charset, "replace")
    if raw.isascii():
        return raw.decode("ascii")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        pass
    return raw.decode("gb18030" if _is_chinese(raw) else "cp437", "replace")


def _is_chinese(raw: bytes) -> bool:
    """Whether `raw` is GBK of which most characters are those of GB 2312."""
    try:
        wide = [letter for letter in raw.decode("gbk") if letter > "\x7f"]
    except UnicodeDecodeError:
        return False
    usual = 0
    for letter in wide:
        try:
            letter.encode("gb2312")
            usual += 1
        except UnicodeEncodeError:
            pass
    return 2 * usual > len(wide)
