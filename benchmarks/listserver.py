"""An S3 server that holds nothing but a listing, of as many keys as its bucket's name says:
``keys-1000000`` has ``set/d0000/f000000.bin`` … It answers ListObjectsV2 from a generator, faster
than anything that reads it. ``python -m benchmarks.listserver PORT``.
"""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PAGE = 1000
TOP = "set/"
SIZE = 20_480

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
)
_OBJECT = (
    "<Contents><Key>set/d{folder:04d}/f{number:06d}.bin</Key>"
    "<LastModified>2026-01-02T03:04:05.000Z</LastModified>"
    "<ETag>&quot;{number:032x}&quot;</ETag><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>"
    "<ChecksumType>FULL_OBJECT</ChecksumType><Size>20480</Size>"
    "<StorageClass>STANDARD</StorageClass></Contents>"
)


def page(keys: int, start: int, most: int) -> bytes:
    """At most `most` of `keys` objects from the one of number `start` on, as XML."""
    end = min(keys, start + most)
    parts = [_HEAD]
    parts += [_OBJECT.format(folder=n // PAGE, number=n) for n in range(start, end)]
    parts.append(f"<Prefix>{TOP}</Prefix><KeyCount>{end - start}</KeyCount>")
    parts.append("<EncodingType>url</EncodingType>")
    if end < keys:
        parts.append("<IsTruncated>true</IsTruncated>")
        parts.append(f"<NextContinuationToken>{end}</NextContinuationToken>")
    else:
        parts.append("<IsTruncated>false</IsTruncated>")
    parts.append("</ListBucketResult>")
    return "".join(parts).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 20

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if "list-type" not in query or not TOP.startswith(query.get("prefix", "")):
            self._answer(404, b"")
            return
        keys = int(parts.path.strip("/").rpartition("-")[2])
        most = min(PAGE, int(query.get("max-keys", PAGE)))
        self._answer(200, page(keys, int(query.get("continuation-token", 0)), most))

    def do_HEAD(self) -> None:
        self._answer(404, b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), _Handler).serve_forever()
