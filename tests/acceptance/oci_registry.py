"""A registry that is not Gantry's: read-only, with or without a login, with or without TLS, and busybox images to serve."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import socket
import ssl
import subprocess
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
USER, PASSWORD, TOKEN = "reader", "let me in", "a-token"


class Registry:
    """`login`: None, "basic" (user and password with each request) or "bearer" (a token that they buy)."""

    def __init__(self, login: str | None = None, address: str = "127.0.0.1", certificate: tuple[Path, Path] | None = None):
        self.login, self.images, self.blobs, self.asked = login, {}, {}, []
        self.server = ThreadingHTTPServer((address, 0), _handler(self))
        self.scheme = "https" if certificate else "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.host = f"{address}:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def put(self, name: str, tag: str, files: dict[str, bytes] | None = None, **config) -> str:
        """Serves busybox with these files under a tag, and returns the manifest's digest."""
        archive = _busybox(files or {})
        layer = gzip.compress(archive, mtime=0)
        image = {
            "architecture": "amd64", "os": "linux", "config": {"Cmd": ["sh"], **config},
            "rootfs": {"type": "layers", "diff_ids": [_digest(archive)]},
        }
        described = [self._blob(json.dumps(image).encode(), "application/vnd.oci.image.config.v1+json")]
        described.append(self._blob(layer, "application/vnd.oci.image.layer.v1.tar+gzip"))
        manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": described[0], "layers": described[1:]}).encode()
        digest = _digest(manifest)
        self.images[name, tag] = self.images[name, digest] = manifest
        return digest

    def _blob(self, content: bytes, kind: str) -> dict:
        self.blobs[_digest(content)] = content
        return {"mediaType": kind, "digest": _digest(content), "size": len(content)}


def make_certificate(directory: Path, address: str) -> tuple[Path, Path, Path]:
    """An authority, and a certificate and key of it for this address."""
    authority, authority_key = directory / "ca.pem", directory / "ca-key.pem"
    certificate, key, request, extensions = (directory / name for name in ("server.pem", "server-key.pem", "server.csr", "server.ext"))
    extensions.write_text(f"subjectAltName=IP:{address}\n")
    openssl = ["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    for command in (
        [*openssl, "-x509", "-subj", "/CN=An operator's authority", "-keyout", authority_key, "-out", authority],
        [*openssl, "-subj", f"/CN={address}", "-keyout", key, "-out", request],
        ["openssl", "x509", "-req", "-in", request, "-CA", authority, "-CAkey", authority_key, "-CAcreateserial", "-days", "2",
         "-extfile", extensions, "-out", certificate],
    ):
        subprocess.run([str(word) for word in command], check=True, capture_output=True)
    return authority, certificate, key


def machine_address() -> str:
    """An address of this machine that is not loopback; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("203.0.113.1", 9))
        return probe.getsockname()[0]


def _handler(registry: Registry):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_HEAD(self):
            self.do_GET()

        def do_GET(self):
            registry.asked.append((self.command, self.path))
            if self.path.startswith("/token"):
                return self._token()
            if not self._may_read():
                return self._challenge()
            parts = self.path.strip("/").split("/")
            if parts == ["v2"]:
                return self._answer(200, b"{}")
            name, kind, reference = "/".join(parts[1:-2]), parts[-2], parts[-1]
            content = registry.images.get((name, reference)) if kind == "manifests" else registry.blobs.get(reference)
            if content is None:
                return self._answer(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"unknown"}]}')
            self._answer(200, content, MANIFEST if kind == "manifests" else "application/octet-stream", {"Docker-Content-Digest": _digest(content)})

        def _basic(self) -> bool:
            expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            return self.headers.get("Authorization") == f"Basic {expected}"

        def _may_read(self) -> bool:
            if registry.login == "basic":
                return self._basic()
            return registry.login is None or self.headers.get("Authorization") == f"Bearer {TOKEN}"

        def _challenge(self):
            realm = f'Bearer realm="{registry.scheme}://{registry.host}/token",service="test"' if registry.login == "bearer" else 'Basic realm="test"'
            self._answer(401, b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}', extra={"WWW-Authenticate": realm})

        def _token(self):
            if self._basic():
                return self._answer(200, json.dumps({"token": TOKEN}).encode())
            self._answer(401, b'{"details":"incorrect username or password"}')

        def _answer(self, status: int, body: bytes, kind: str = "application/json", extra: dict | None = None):
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(extra or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    return Handler


def _busybox(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        def add(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, target: str = "", mode: int = 0o755):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode, entry.size, entry.linkname = kind, mode, len(content), target
            archive.addfile(entry, io.BytesIO(content))

        for name in ("bin", "etc", "tmp"):
            add(name, kind=tarfile.DIRTYPE)
        add("bin/busybox", Path("/bin/busybox").read_bytes())
        for applet in ("sh", "ls", "cat", "test", "sleep", "id", "stat", "tty"):
            add(f"bin/{applet}", kind=tarfile.SYMTYPE, target="busybox")
        made = {"bin", "etc", "tmp"}
        for name, content in files.items():
            parent = str(Path(name).parent)
            if parent not in made:
                add(parent, kind=tarfile.DIRTYPE, mode=0o750)
                made.add(parent)
            add(name, content, mode=0o644)
    return stream.getvalue()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
