"""What the stand-in for the hub answers about Xet: who may read it, how a file is put together, and
the bytes of it."""

from __future__ import annotations

import re
import time

from tornado.web import Finish

from .huggingface import Base, HubHandler


class ReadToken(HubHandler):
    """Who may read the repository gets a token for the store."""

    def get(self, kind: str, id: str, revision: str | None = None) -> None:
        repo = self.entered(kind, id)
        if kind != "buckets":
            self.commit_of(repo, revision or "")
        cas = self.hub.cas
        token = cas.granted()
        until = str(int(cas.tokens[token]))
        self.set_header("X-Xet-Cas-Url", cas.url)
        self.set_header("X-Xet-Access-Token", token)
        self.set_header("X-Xet-Token-Expiration", until)
        self.write({"casUrl": cas.url, "accessToken": token, "exp": int(until)})


class Reconstruction(Base):
    """How a file, or a range of it, is put together."""

    def get(self, hash: str) -> None:
        cas = self.hub.cas
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or cas.tokens.get(token, 0) < time.time():
            self.set_status(401)
            raise Finish
        if hash not in cas.files:
            self.set_status(404)
            raise Finish
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.request.headers.get("Range", ""))
        start, end = (int(asked[1]), int(asked[2]) + 1) if asked else (0, 1 << 62)
        found = cas.described(hash, start, end)
        if found is None:
            self.set_status(416)
            raise Finish
        self.write(found)


class Xorb(Base):
    """Bytes of a xorb, by a signed address that is good for one range of it."""

    async def get(self, xorb: str) -> None:
        cas = self.hub.cas
        signed = cas.signatures.get(self.get_query_argument("Signature", ""))
        headers = self.request.headers
        if signed != (xorb, headers.get("Range")) or "Authorization" in headers:
            self.set_status(403)
            raise Finish
        flipped = 200_000 if cas.flipped else None
        await self.send_bytes(cas.xorbs[xorb], rate=cas.rate, flipped=flipped)


GRANT_ROUTES = [
    (r"/api/(models|datasets|spaces)/([^/]+/[^/]+)/xet-read-token/([^/]+)", ReadToken),
    (r"/api/(buckets)/([^/]+/[^/]+)/xet-read-token", ReadToken),
]
CAS_ROUTES = [
    (r"/v1/reconstructions/([0-9a-f]{64})", Reconstruction),
    (r"/xorb/([0-9a-f]{64})", Xorb),
]
