"""A client of Gantry's registry that does what the OCI distribution specification says, one request at a time."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
EMPTY = "application/vnd.oci.empty.v1+json"


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def descriptor(content: bytes, media_type: str, **more) -> dict:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content), **more}


class Answer:
    def __init__(self, response: http.client.HTTPResponse):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    def json(self):
        return json.loads(self.body)

    def code(self) -> str:
        return self.json()["errors"][0]["code"]


class Client:
    """Requests to one repository, as whoever the client of ECR's API is: root if none is given."""

    def __init__(self, world, repository: str, ecr=None):
        data = (ecr or world.client("ecr")).get_authorization_token()["authorizationData"][0]
        self.authorization = f"Basic {data['authorizationToken']}"
        assert base64.b64decode(data["authorizationToken"]).startswith(b"AWS:")
        self.port, self.repository = world.port, repository

    def send(self, method: str, path: str, body: bytes = b"", **headers) -> Answer:
        """`path` is whole when it begins with a slash, else within the repository."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            where = path if path.startswith("/") else f"/v2/{self.repository}/{path}"
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, where, body=body or None, headers={"Authorization": self.authorization, **names})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def begin(self) -> str:
        answer = self.send("POST", "blobs/uploads/", Content_Length="0")
        assert answer.status == 202, answer.body
        return answer.headers["Location"]

    def push_blob(self, content: bytes) -> str:
        location = self.begin()
        separator = "&" if "?" in location else "?"
        answer = self.send("PUT", f"{location}{separator}digest={digest_of(content)}", content, Content_Type="application/octet-stream")
        assert answer.status == 201, answer.body
        return digest_of(content)

    def push_manifest(self, manifest: dict, reference: str | None = None) -> tuple[Answer, str]:
        content = json.dumps(manifest).encode()
        answer = self.send("PUT", f"manifests/{reference or digest_of(content)}", content, Content_Type=manifest["mediaType"])
        return answer, digest_of(content)

    def image(self, layer: bytes, **more) -> dict:
        """Pushes the blobs of an image and gives its manifest."""
        config = json.dumps({"architecture": "amd64", "os": "linux", "made_of": layer.decode()}).encode()
        self.push_blob(config)
        self.push_blob(layer)
        return {"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(config, CONFIG), "layers": [descriptor(layer, LAYER)], **more}

    def push_image(self, layer: bytes, tag: str | None = None, **more) -> str:
        answer, digest = self.push_manifest(self.image(layer, **more), tag)
        assert answer.status == 201, answer.body
        return digest
