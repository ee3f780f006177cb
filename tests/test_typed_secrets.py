"""Which texts of a cell are secrets in clear, and which only lead to one."""

from __future__ import annotations

import pytest

from jupyter_transfer.cells.typedsecrets import hide, typed_secrets

SECRET = "canary-71ab.x%2F"


@pytest.mark.parametrize(
    "cell",
    [
        "%transfer get https://h/x --token ?",
        "job = %transfer get https://h/x --token=? --bg",
        "%transfer get https://h/x --token '?' x/",
        '%transfer get https://h/x --dest-password "?"',
        "%transfer get https://h/x \\\n  --token \\\n  ?",
        "%transfer get s3://b/k --secret-access-key ?",
        "%transfer get s3://b/k --tokken x --my-token ?",
        "%transfer get https://h/x --headers 'Authorization: Bearer ?'",
        '%transfer get rclone://x/ --remote-secrets \'{"pass": "?"}\'',
        '%transfer get rclone://x/ --remote-options \'{"pass": "?"}\'',
        "x = {'token': tok}\n%transfer get https://u:?@h/x",
        "%transfer get https://u:?@h/x",
        "%transfer get https://?@h/x",
        "%transfer get sftp://u:?@h/x",
        "%transfer get 'https://h/x?a=1&access_token=?&b=2'",
        "%transfer get https://h/x?X-Amz-Signature=?",
        "%transfer login huggingface ?",
        "%transfer login huggingface --no-check ?",
        "%transfer login ?",
        "!jupyter transfer get https://h/x --token ?",
        "get_ipython().run_line_magic('transfer', 'get https://h/x --token ?')",
        "%%transfer --token ?\nhttps://h/x",
        "%%transfer\nhttps://h/x\nhttps://u:?@h/y z/",
        "%%transfer\nhttps://h/x  --token ?  # why",
        "%%transfer\nkind: Transfer\nspec:\n  options:\n    token: ?\n    depth: 1",
        "%%transfer\nkind: Transfer\nspec: {options: {dest_password: '?', depth: 1}}",
        '%%transfer\n{"kind": "Transfer", "spec": {"options": {"token": "?"}}}',
        "%%transfer\nkind: DataCube\n  - name: s3-secret-access-key\n    value: ?\n",
        "%%transfer\nkind: DataCube\n  - {value: '?', name: git-token}\n",
    ],
)
def test_a_secret_in_clear(cell):
    text = cell.replace("?", SECRET) if cell.count("?") == 1 else SECRET.join(cell.rsplit("?", 1))
    if "access_token" in cell:
        text = cell.replace("access_token=?", f"access_token={SECRET}")
    values = [text[one.start : one.end] for one in typed_secrets(text)]
    assert any(SECRET in value for value in values)
    hidden = hide(text, values)
    assert SECRET not in hidden
    assert "***" in hidden
    assert hidden.splitlines()[0][:9] == text.splitlines()[0][:9]


@pytest.mark.parametrize(
    "cell",
    [
        "client.get(url, token='canary')",
        "def f(token: str): ...\nx = {'token': tok, 'password': p}\nj = %transfer get https://h/x",
        "%transfer get https://h/x --token env:TOKEN",
        "%transfer get https://h/x --token {token}",
        "%transfer get https://h/x --token $token",
        "%transfer get https://h/x --token {keys['hub']}",
        "%transfer get https://h/x --token -",
        "%transfer get https://h/x --token file:~/token --bg",
        "%transfer get https://h/x --token-file token.txt",
        "%transfer get https://h/x --key-file ~/.ssh/id_ed25519",
        "%transfer get https://u:{password}@h/x",
        "%transfer get git+ssh://git@github.com/me/x.git",
        "%transfer get sftp://me@h/x",
        "%transfer get 'https://h/x?key=name&page=2'",
        "%transfer login huggingface --token-file token.txt",
        "%transfer login http https://h/x --username me",
        "%transfer login s3 --profile lab --endpoint https://h",
        "%%transfer\nkind: Transfer\nspec:\n  options:\n    token: env:TOKEN\n    password: {p}",
        (
            "%%transfer\nkind: DataCube\n  - name: git-token\n    valueFrom:\n      secretKeyRef:\n"
            "        name: git\n        key: token\n"
        ),
        (
            "%%transfer\nkind: DataCube\n  - name: s3-uri\n    value: s3://b/\n"
            "  - name: git-token\n    valueFrom: {secretKeyRef: {name: git, key: token}}\n"
        ),
    ],
)
def test_what_only_leads_to_a_secret(cell):
    assert typed_secrets(cell) == []
    assert hide(cell, []) == cell


def test_a_signature_expires_and_a_token_does_not():
    (one,) = typed_secrets("%transfer get https://h/x?X-Amz-Signature=abcdef")
    assert not one.lasting
    (one,) = typed_secrets("%transfer get https://h/x?token=abcdef")
    assert one.lasting


def test_a_known_secret_is_hidden_in_another_form_too():
    cell = """%transfer get https://h/x --token "it's\\\\zz" --filename 'a b'"""
    values = [cell[one.start : one.end] for one in typed_secrets(cell)]
    assert values == ["it's\\\\zz"]
    assert "zz" not in hide(f"get_ipython().run_line_magic('transfer', {cell!r})", values)
