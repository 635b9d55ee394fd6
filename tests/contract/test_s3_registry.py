"""The real registry, with the storage section that the chart renders for `spec.storage.s3`, on real S3 servers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
import yaml

from harbor_operator.model.release import ReleaseLogin
from harbor_operator.model.s3 import Bucket
from harbor_operator.plan.generated_secrets import s3_keys
from harbor_operator.ports import Refused
from harbor_operator.steps.s3_probe import S3Probe
from lab.chart import LAB_CHART
from lab.images import make_image
from lab.process import LabError, Processes, free_port
from lab.registry import Registry
from lab.skopeo import Skopeo
from tests.contract.gateway import KMS_KEY, Gateway
from tests.contract.s3_servers import S3Fixture, Versity, desired_bucket, encryption_of, rgw_server, with_key
from tests.contract.test_helm_template import HARBOR_CHART, objects, render

pytestmark = pytest.mark.lab

MIB = 1 << 20


@pytest.fixture(params=["rgw", "versity"])
def s3(request: pytest.FixtureRequest) -> S3Fixture:
    if request.param == "rgw":
        return rgw_server(request.getfixturevalue("gateway"))
    server: Versity = request.getfixturevalue("versity")
    return server.server()


def start_registry(
    bucket: Bucket,
    directory: Path,
    processes: Processes,
    *,
    redirect: bool,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Registry:
    account = bucket.account
    key = bucket.options.kms_key_id
    spec = {
        "endpoint": account.endpoint,
        "region": account.region,
        "bucket": bucket.name,
        "rootDirectory": "images",
        "credentialsSecretRef": {"name": "s3"},
        "chunkSizeMiB": 5,
        "redirect": redirect,
        **({"encryption": {"kmsKeyId": key}} if key else {}),
    }
    rendered = render(HARBOR_CHART or str(LAB_CHART), directory, storage={"s3": spec})
    texts = [o["data"]["config.yml"] for o in objects(rendered) if "config.yml" in (o.get("data") or {})]
    storage = next(yaml.safe_load(text)["storage"] for text in texts if "s3:" in text)
    del storage["cache"]  # in Redis
    config = directory / "config.yml"
    config.write_text(
        yaml.safe_dump({"version": 0.1, "storage": storage, "http": {"addr": f"127.0.0.1:{free_port()}"}})
    )
    ca = directory / "ca.pem"
    ca.write_text(account.ca_pem or "")
    keys = s3_keys(ReleaseLogin(account.access_key, account.secret_key))
    env = {name: value.get_secret_value() for name, value in keys.items() if name.startswith("REGISTRY_")}
    return Registry.start(config, {**env, **variables, "SSL_CERT_FILE": str(ca)}, processes)


@pytest.mark.parametrize("redirect", [False, True])
async def test_a_bucket_that_passes_the_probe_takes_and_returns_an_image(
    s3: S3Fixture, tmp_path: Path, processes: Processes, *, redirect: bool
) -> None:
    bucket = await s3.bucket()
    assert await S3Probe(s3.store, bucket, desired_bucket(bucket, redirect=redirect)).run() is None
    registry = start_registry(bucket, tmp_path, processes, redirect=redirect)
    skopeo, reference = Skopeo(tmp_path / "skopeo"), f"{registry.address}/library/app:1"
    made = make_image(tmp_path / "image", size=17 * MIB)

    assert skopeo.copy_in(tmp_path / "image", reference) == made
    assert skopeo.copy_out(reference, tmp_path / "pulled") == made

    stored = await s3.store.list_objects(bucket, "", 1000)
    assert stored
    assert all(key.startswith("images/docker/registry/v2/") for key in stored)


async def test_a_proxy_that_takes_one_chunk_only_fails_the_probe_and_the_push(
    s3: S3Fixture, tmp_path: Path, processes: Processes
) -> None:
    """The last part of a layer is almost two chunks, which a probe of one chunk does not find."""
    bucket = await s3.bucket()
    registry = start_registry(bucket, tmp_path, processes, redirect=False)
    skopeo, reference = Skopeo(tmp_path / "skopeo"), f"{registry.address}/library/app:1"
    make_image(tmp_path / "image", size=9 * MIB)
    s3.limit_bodies(6)
    try:
        with pytest.raises(LabError, match="cannot copy"):
            skopeo.copy_in(tmp_path / "image", reference)
    finally:
        s3.limit_bodies(None)

    assert skopeo.copy_in(tmp_path / "image", reference)


@pytest.mark.parametrize("key", [KMS_KEY, "unknown-key"])
async def test_a_registry_stores_nothing_where_the_probe_refuses_the_encryption(
    key_gateway: Gateway, tmp_path: Path, processes: Processes, key: str
) -> None:
    """The gateway has the first key, but cannot copy what it has encrypted, as the registry does with each layer."""
    server = rgw_server(key_gateway)
    bucket = with_key(await server.bucket(), key)
    with pytest.raises(Refused):
        await S3Probe(server.store, bucket, desired_bucket(bucket)).run()
    registry = start_registry(bucket, tmp_path, processes, redirect=False)
    make_image(tmp_path / "image", size=MIB)

    with pytest.raises(LabError, match="cannot copy"):
        Skopeo(tmp_path / "skopeo").copy_in(tmp_path / "image", f"{registry.address}/library/app:1")


async def test_a_registry_that_copies_only_in_parts_encrypts_every_layer(
    key_gateway: Gateway, tmp_path: Path, processes: Processes
) -> None:
    """With the parameter `multipartcopythresholdsize: '0'` of `spec.storage.driver`."""
    bucket = with_key(await rgw_server(key_gateway).bucket())
    in_parts = {"REGISTRY_STORAGE_S3_MULTIPARTCOPYTHRESHOLDSIZE": "0"}
    registry = start_registry(bucket, tmp_path, processes, redirect=False, variables=in_parts)
    skopeo, reference = Skopeo(tmp_path / "skopeo"), f"{registry.address}/library/app:1"
    made = make_image(tmp_path / "image", size=17 * MIB)

    assert skopeo.copy_in(tmp_path / "image", reference) == made
    assert skopeo.copy_out(reference, tmp_path / "pulled") == made

    assert set(encryption_of(key_gateway, bucket).values()) == {"SSE-KMS"}
