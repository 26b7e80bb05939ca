"""The cases of the OCI distribution specification's conformance suite: pull, push, content discovery, content management."""

import json

import pytest

from oci_client import EMPTY, INDEX, LAYER, MANIFEST, Client, descriptor, digest_of

UNKNOWN = "sha256:" + "0" * 64


@pytest.fixture
def client(world, request):
    name = "oci/" + request.node.name.removeprefix("test_").replace("_", "-")
    world.client("ecr").create_repository(repositoryName=name)
    yield Client(world, name)
    world.client("ecr").delete_repository(repositoryName=name, force=True)


def test_pull(client):
    assert client.send("GET", "/v2/").status == 200
    layer = b"a layer"
    digest = client.push_image(layer, "v1")
    for method in ("HEAD", "GET"):
        missing = client.send(method, f"blobs/{UNKNOWN}")
        assert missing.status == 404
        assert client.send(method, "manifests/none").status == 404
        assert client.send(method, f"manifests/{UNKNOWN}").status == 404
        blob = client.send(method, f"blobs/{digest_of(layer)}")
        assert blob.status == 200 and blob.headers["Docker-Content-Digest"] == digest_of(layer)
        assert blob.headers["Content-Length"] == str(len(layer))
        for reference in ("v1", digest):
            manifest = client.send(method, f"manifests/{reference}", Accept=MANIFEST)
            assert manifest.status == 200 and manifest.headers["Docker-Content-Digest"] == digest
            assert manifest.headers["Content-Type"] == MANIFEST
    assert client.send("GET", f"blobs/{digest_of(layer)}").body == layer
    assert digest_of(client.send("GET", "manifests/v1").body) == digest
    part = client.send("GET", f"blobs/{digest_of(layer)}", Range="bytes=2-4")
    assert part.status == 206 and part.body == layer[2:5] and part.headers["Content-Range"] == f"bytes 2-4/{len(layer)}"
    assert client.send("GET", "blobs/sha256:nonsense").status == 400
    assert client.send("GET", f"/v2/oci/none/manifests/v1").code() == "NAME_UNKNOWN"


def test_push_whole_blobs(client):
    content = b"whole"
    answer = client.send("POST", f"blobs/uploads/?digest={digest_of(content)}", content, Content_Type="application/octet-stream")
    assert answer.status == 201 and answer.headers["Location"].endswith(digest_of(content))
    assert client.send("GET", answer.headers["Location"]).body == content
    assert client.send("HEAD", f"blobs/{client.push_blob(b'')}").status == 200, "an empty blob is one"
    wrong = client.send("PUT", f"{client.begin()}?digest={UNKNOWN}", content)
    assert wrong.status == 400 and wrong.code() == "DIGEST_INVALID"
    assert client.send("PUT", client.begin(), content).status == 400, "without a digest"


def test_push_in_chunks(client):
    content = b"0123456789"
    location = client.begin()
    first = client.send("PATCH", location, content[:4], Content_Range="0-3", Content_Type="application/octet-stream")
    assert first.status == 202 and first.headers["Range"] == "0-3"
    location = first.headers["Location"]
    early = client.send("PATCH", location, content[6:], Content_Range="6-9", Content_Type="application/octet-stream")
    assert early.status == 416
    status = client.send("GET", location)
    assert status.status == 204 and status.headers["Range"] == "0-3"
    second = client.send("PATCH", status.headers["Location"], content[4:8], Content_Range="4-7", Content_Type="application/octet-stream")
    assert second.status == 202 and second.headers["Range"] == "0-7"
    done = client.send("PUT", f"{second.headers['Location']}?digest={digest_of(content)}", content[8:], Content_Range="8-9")
    assert done.status == 201
    assert client.send("GET", done.headers["Location"]).body == content
    gone = client.send("GET", location)
    assert gone.status == 404 and gone.code() == "BLOB_UPLOAD_UNKNOWN"
    other = client.begin()
    assert client.send("DELETE", other).status == 204
    assert client.send("GET", other).status == 404


def test_mount_from_another_repository(world, client):
    world.client("ecr").create_repository(repositoryName="oci/source")
    digest = Client(world, "oci/source").push_blob(b"shared")
    mounted = client.send("POST", f"blobs/uploads/?mount={digest}&from=oci/source")
    assert mounted.status == 201 and mounted.headers["Location"].endswith(digest)
    assert client.send("GET", f"blobs/{digest}").body == b"shared"
    assert client.send("POST", f"blobs/uploads/?mount={UNKNOWN}&from=oci/source").status == 202, "an upload begins instead"
    assert client.send("POST", f"blobs/uploads/?mount={digest}&from=oci/none").status == 202
    world.client("ecr").delete_repository(repositoryName="oci/source", force=True)
    assert client.send("GET", f"blobs/{digest}").body == b"shared"


def test_push_manifests(client):
    manifest = client.image(b"layer")
    for reference in ("v1", None):
        answer, digest = client.push_manifest(manifest, reference)
        assert answer.status == 201 and answer.headers["Docker-Content-Digest"] == digest
        assert client.send("GET", answer.headers["Location"]).status == 200
    wrong = client.send("PUT", f"manifests/{UNKNOWN}", json.dumps(manifest).encode(), Content_Type=MANIFEST)
    assert wrong.status == 400 and wrong.code() == "DIGEST_INVALID"
    lost = {**manifest, "layers": [{"mediaType": LAYER, "digest": UNKNOWN, "size": 1}]}
    answer, _ = client.push_manifest(lost, "lost")
    assert answer.status == 404 and answer.code() == "MANIFEST_BLOB_UNKNOWN"
    assert client.send("PUT", "manifests/bad", b"{", Content_Type=MANIFEST).code() == "MANIFEST_INVALID"
    no_layers = {**manifest, "layers": []}
    assert client.push_manifest(no_layers, "empty")[0].status == 201
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [{"mediaType": MANIFEST, "digest": digest, "size": len(json.dumps(manifest))}]}
    answer, _ = client.push_manifest(index, "all")
    assert answer.status == 201
    lost = {**index, "manifests": [{"mediaType": MANIFEST, "digest": UNKNOWN, "size": 1}]}
    assert client.push_manifest(lost, "lost")[0].status == 404


def test_list_tags(client):
    assert client.send("GET", "tags/list").json()["tags"] == []
    manifest = client.image(b"layer")
    tags = sorted(f"test{number}" for number in range(7))
    for tag in reversed(tags):
        client.push_manifest(manifest, tag)
    assert client.send("GET", "tags/list").json() == {"name": client.repository, "tags": tags}
    assert client.send("GET", "tags/list?n=0").json()["tags"] == []
    page = client.send("GET", "tags/list?n=3")
    assert page.json()["tags"] == tags[:3]
    link = page.headers["Link"]
    assert link.endswith('; rel="next"')
    assert client.send("GET", link[1 : link.index(">")]).json()["tags"] == tags[3:6]
    assert client.send("GET", f"tags/list?last={tags[4]}").json()["tags"] == tags[5:]
    last = client.send("GET", f"tags/list?n=3&last={tags[5]}")
    assert last.json()["tags"] == tags[6:] and "Link" not in last.headers
    assert client.send("GET", "/v2/oci/none/tags/list").status == 404


def test_referrers(client):
    empty = b"{}"
    client.push_blob(empty)
    # What refers to an image may come before it.
    subject = client.image(b"signed")
    about = {"mediaType": MANIFEST, "digest": digest_of(json.dumps(subject).encode()), "size": len(json.dumps(subject))}
    none = client.send("GET", f"referrers/{UNKNOWN}")
    assert none.status == 200 and none.headers["Content-Type"] == INDEX and none.json()["manifests"] == []
    pushed = {}
    for kind in ("application/vnd.test.signature", "application/vnd.test.sbom"):
        artifact = {
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": kind, "config": descriptor(empty, EMPTY),
            "layers": [descriptor(empty, EMPTY)], "subject": about, "annotations": {"made.by": "a test"},
        }
        answer, digest = client.push_manifest(artifact)
        assert answer.status == 201 and answer.headers["OCI-Subject"] == about["digest"]
        pushed[kind] = digest
    # Without an artifact type the configuration's media type stands for it.
    plain = client.image(b"plain", subject=about)
    pushed[plain["config"]["mediaType"]] = client.push_manifest(plain)[1]
    index = {"schemaVersion": 2, "mediaType": INDEX, "artifactType": "application/vnd.test.index", "manifests": [], "subject": about}
    pushed[index["artifactType"]] = client.push_manifest(index)[1]
    assert client.push_manifest(subject, "v1")[0].status == 201
    listed = client.send("GET", f"referrers/{about['digest']}")
    found = {entry["artifactType"]: entry for entry in listed.json()["manifests"]}
    assert {kind: entry["digest"] for kind, entry in found.items()} == pushed
    assert found["application/vnd.test.sbom"]["annotations"] == {"made.by": "a test"}
    assert found["application/vnd.test.sbom"]["size"] > 0
    filtered = client.send("GET", f"referrers/{about['digest']}?artifactType=application%2Fvnd.test.sbom")
    assert [entry["digest"] for entry in filtered.json()["manifests"]] == [pushed["application/vnd.test.sbom"]]
    assert filtered.headers["OCI-Filters-Applied"] == "artifactType"
    assert client.send("DELETE", f"manifests/{pushed['application/vnd.test.sbom']}").status == 202
    assert len(client.send("GET", f"referrers/{about['digest']}").json()["manifests"]) == 3
    assert client.send("GET", "referrers/nonsense").status == 400


def test_delete(client):
    layer = b"deleted"
    manifest = client.image(layer)
    digest = client.push_manifest(manifest, "v1")[1]
    client.push_manifest(manifest, "v2")
    assert client.send("DELETE", "manifests/v2").status == 202
    assert client.send("GET", "manifests/v2").status == 404
    assert client.send("GET", "manifests/v1").status == 200
    assert client.send("DELETE", f"manifests/{digest}").status == 202
    for reference in ("v1", digest):
        assert client.send("GET", f"manifests/{reference}").status == 404
    assert client.send("DELETE", f"manifests/{digest}").status == 404
    assert client.send("GET", "tags/list").json()["tags"] == []
    blob = client.push_blob(b"alone")
    assert client.send("DELETE", f"blobs/{blob}").status == 202
    assert client.send("GET", f"blobs/{blob}").status == 404
    assert client.send("DELETE", f"blobs/{blob}").status == 404
