"""What a real registry shows when it cannot work: its log leads to the cause, and the remedy ends it."""

from __future__ import annotations

import hashlib
import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from harbor_operator.checks.catalogue.search import problems, recognize
from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.model.s3 import Bucket
from harbor_operator.reasons import Reason
from lab.images import make_image
from lab.process import LabError, Processes, free_port
from lab.registry import Registry
from lab.skopeo import Skopeo
from tests.contract.gateway import KEY, Gateway
from tests.contract.test_s3_on_rgw import NAMESPACE, BucketFixture

pytestmark = pytest.mark.lab

MIB = 1 << 20
OCTETS = {"Content-Type": "application/octet-stream"}


def start(
    directory: Path, processes: Processes, storage: Mapping[str, Any], *, secret: str = "one", ca: Path | None = None
) -> Registry:
    """Starts a registry; the state of an upload is with the client, signed with `secret`."""
    config = directory / "config.yml"
    http = {"addr": f"127.0.0.1:{free_port()}", "secret": secret}
    settings = {"redirect": {"disable": True}, "maintenance": {"uploadpurging": {"enabled": False}}}
    config.write_text(yaml.safe_dump({"version": 0.1, "storage": {**storage, **settings}, "http": http}))
    return Registry.start(config, {"SSL_CERT_FILE": str(ca)} if ca else {}, processes)


def swift_driver(gateway: Gateway, uid: str) -> dict[str, Any]:
    """The driver with a login and a container of its own."""
    username = gateway.ceph.create_swift_user(uid, "swift", KEY)
    login = {"authurl": gateway.auth_url, "authversion": 1, "username": username, "password": KEY}
    return {"swift": {**login, "container": f"b-{uid}", "chunksize": 5 * MIB}}


def known(registry: Registry) -> set[str]:
    """Returns the problems that `kubectl harbor logs` finds in the log of the registry."""
    lines = registry.process.log.read_text(errors="replace").splitlines()
    return {problem for line in lines for problem in recognize(line)}


def begin_upload(registry: Registry) -> str:
    """Returns the path and the query at which the upload continues."""
    request = urllib.request.Request(f"http://{registry.address}/v2/library/app/blobs/uploads/", method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - a loopback address
        return str(answer.headers["Location"]).partition("/v2/")[2]


def end_upload(registry: Registry, state: str) -> None:
    """Sends the whole blob. Raises HTTPError."""
    digest = f"sha256:{hashlib.sha256(b'x').hexdigest()}"
    request = urllib.request.Request(
        f"http://{registry.address}/v2/{state}&digest={digest}", b"x", OCTETS, method="PUT"
    )
    with urllib.request.urlopen(request, timeout=10):  # noqa: S310 - a loopback address
        pass


def get(registry: Registry, path: str) -> bytes:
    """Returns what the registry answers with 200 below the repository."""
    headers = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    request = urllib.request.Request(f"http://{registry.address}/v2/library/app/{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - a loopback address
        return bytes(answer.read())


def test_a_changed_http_secret_ends_the_uploads_under_way(tmp_path: Path, processes: Processes) -> None:
    storage = {"filesystem": {"rootdirectory": str(tmp_path / "images")}}
    registry = start(tmp_path, processes, storage)
    state = begin_upload(registry)
    registry.stop()
    changed = start(tmp_path, processes, storage, secret="two")
    with pytest.raises(urllib.error.HTTPError) as refused:
        end_upload(changed, state)
    changed.stop()

    assert refused.value.code == 404
    with refused.value as answer:
        assert "HttpSecretChanged" in recognize(answer.read().decode())
    assert "HttpSecretChanged" in known(changed)
    assert "compare `REGISTRY_HTTP_SECRET` in all pods" in problems()["HttpSecretChanged"].remedy
    end_upload(start(tmp_path, processes, storage), state)


ENDED_EARLY = "500 Internal Server Error|connection reset by peer"
"""The registry answers before it has read the layer; a client that still sends it may see only the reset."""


@pytest.mark.parametrize(("size", "shown"), [(3, "blob upload invalid"), (6, ENDED_EARLY)])
def test_a_proxy_in_front_of_the_store_that_refuses_a_chunk(
    gateway: Gateway, tmp_path: Path, processes: Processes, size: int, shown: str
) -> None:
    """The Storage step finds it before a push (`test_storage_on_rgw.py`); this is what a push shows."""
    registry = start(tmp_path, processes, swift_driver(gateway, f"u{uuid4().hex[:8]}"), ca=gateway.authority.ca_path)
    skopeo, reference = Skopeo(tmp_path / "skopeo"), f"{registry.address}/library/app:1"
    make_image(tmp_path / "image", size=size * MIB)
    gateway.front.reconfigure(max_body="2m")
    try:
        with pytest.raises(LabError) as failed:
            skopeo.copy_in(tmp_path / "image", reference)
    finally:
        gateway.front.reconfigure(max_body="0")

    assert re.search(shown, str(failed.value))
    assert "StorageBodyLimit" in known(registry)
    assert "Set `client_max_body_size 0` on the proxy" in problems()["StorageBodyLimit"].remedy
    assert skopeo.copy_in(tmp_path / "image", reference)


async def test_layers_that_swift_wrote_are_empty_through_s3(
    gateway: Gateway, tmp_path: Path, processes: Processes
) -> None:
    fixture, ca = BucketFixture(gateway), gateway.authority.ca_path
    written = start(tmp_path, processes, swift_driver(gateway, fixture.uid), ca=ca)
    make_image(tmp_path / "image", size=1 * MIB)
    Skopeo(tmp_path / "skopeo").copy_in(tmp_path / "image", f"{written.address}/library/app:1")
    written.stop()
    keys = gateway.ceph.admin("user", "info", f"--uid={fixture.uid}")["keys"][0]
    fixture.kube.put(NAMESPACE, "s3", {"accessKey": keys["access_key"], "secretKey": keys["secret_key"]})
    s3 = {"accesskey": keys["access_key"], "secretkey": keys["secret_key"], "region": "us-east-1"}
    place = {"regionendpoint": gateway.admin_front.url, "bucket": fixture.bucket, "rootdirectory": "/files"}
    read = start(tmp_path, processes, {"s3": {**s3, **place}}, ca=ca)
    (layer,) = json.loads(get(read, "manifests/1"))["layers"]
    assert get(read, f"blobs/{layer['digest']}") == b""
    with pytest.raises(LabError):
        Skopeo(tmp_path / "other").copy_out(f"{read.address}/library/app:1", tmp_path / "pulled")

    refused = await fixture.step.reconcile(fixture.registry(adoptExisting=True, rootDirectory="files"))
    assert isinstance(refused, Blocked), refused.message
    assert refused.reason is Reason.STORAGE_CONTAINER_REFUSED
    assert "through S3, each layer has 0 B; delete this HarborRegistry" in refused.message
    assert "with another `spec.storage.s3.bucket`" in refused.message
    other = f"{fixture.bucket}-2"
    await fixture.store.create_bucket(Bucket(fixture.account, other))
    assert isinstance(await fixture.step.reconcile(fixture.registry(bucket=other)), Done)
    assert isinstance(await fixture.step.reconcile(fixture.registry()), Done)  # its images are in another folder
