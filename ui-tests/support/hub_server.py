"""A hub like that of Hugging Face: says its address, and ends when its input does."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.servers.huggingface import running_hub

with running_hub() as hub:
    repo = hub.repo("acme/tiny-owl", private=True, members={"me"}, card={"license": "mit"})
    repo.commit(
        {
            "config.json": b'{"layers": 2}\n',
            "tokenizer.json": b"{}\n",
            "README.md": b"# Tiny owl\n",
            "model.safetensors": bytes(range(256)) * 12_000,
        }
    )
    sys.stdout.write(f"{hub.url}\n")
    sys.stdout.flush()
    sys.stdin.read()
