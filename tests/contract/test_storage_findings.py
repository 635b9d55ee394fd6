"""What is wrong with a Swift store: the Storage step names it on a real RADOS gateway, and its remedy ends the finding.

`test_storage_on_rgw.py` has the wrong key, the limit of a proxy and the URL that the gateway announces by itself.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.rgw_admin import HttpRgwAdmin
from harbor_operator.adapters.swift import SwiftObjectStore
from harbor_operator.checks.empty_objects import check_empty_objects
from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.model.storage import Container, ObjectSearch
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from harbor_operator.steps.empty_objects import EmptyObjects
from harbor_operator.steps.storage_account import StorageAccounts
from lab.images import make_image
from lab.process import LabError, Processes
from lab.skopeo import Skopeo
from tests.contract.gateway import KEY, Gateway
from tests.contract.test_registry_symptoms import start, swift_driver
from tests.contract.test_storage_on_rgw import NAMESPACE, GatewayFixture

pytestmark = pytest.mark.lab


@pytest.fixture
def fixture(gateway: Gateway) -> GatewayFixture:
    return GatewayFixture(gateway).with_login()


async def test_an_unknown_user_is_corrected(fixture: GatewayFixture) -> None:
    right = fixture.kube.values(NAMESPACE, "swift")
    fixture.kube.put(NAMESPACE, "swift", {**right, "username": "absent:swift"})

    with pytest.raises(Refused, match="does not know user 'absent:swift' from Secret 'swift'") as refusal:
        await fixture.reconcile()

    assert refusal.value.reason is Reason.STORAGE_CREDENTIALS_REJECTED
    assert "radosgw-admin subuser create" in str(refusal.value)
    assert KEY not in str(refusal.value)
    fixture.kube.put(NAMESPACE, "swift", right)
    assert isinstance(await fixture.reconcile(), Done)


@pytest.mark.parametrize("part", ["scheme", "host", "port"])
async def test_each_wrong_part_of_the_storage_url_is_named(fixture: GatewayFixture, part: str) -> None:
    front = urlsplit(fixture.gateway.front.url)
    wrong = {
        "scheme": f"http://{front.netloc}",
        "host": f"https://127.0.0.1:{front.port}",
        "port": f"https://{front.hostname}:1",
    }
    fixture.gateway.ceph.restart_rgw(wrong[part])
    try:
        refused = await fixture.reconcile()
    finally:
        fixture.gateway.announce_front()

    assert isinstance(refused, Blocked), refused.message
    assert refused.reason is Reason.STORAGE_URL_MISMATCH
    assert f"X-Storage-Url is '{wrong[part]}/swift/v1'" in refused.message
    assert f"the {part} is" in refused.message
    assert f"Set `rgw swift url = {fixture.gateway.front.url}`" in refused.message
    assert isinstance(await fixture.reconcile(), Done)


async def test_a_layer_without_its_segments_is_found_until_it_is_deleted(
    fixture: GatewayFixture, tmp_path: Path, processes: Processes
) -> None:
    """A real registry writes the layer; its pull and its garbage collection fail with the text of this problem."""
    driver = swift_driver(fixture.gateway, f"z{fixture.uid}")["swift"]
    registry = start(tmp_path, processes, {"swift": driver}, ca=fixture.gateway.authority.ca_path)
    skopeo, reference = Skopeo(tmp_path / "skopeo"), f"{registry.address}/library/app:1"
    make_image(tmp_path / "image", size=6 << 20)
    skopeo.copy_in(tmp_path / "image", reference)
    store = SwiftObjectStore()
    at = Container(await store.login(fixture.gateway.account(driver["username"])), driver["container"])
    fixture.kube.put(NAMESPACE, "swift", {"username": driver["username"], "password": KEY})
    accounts = StorageAccounts(fixture.kube, HttpRgwAdmin(), lambda: SecretStr("unused"))
    search = EmptyObjects(accounts, store, lambda: datetime.now(UTC))
    spec = fixture.registry(container=driver["container"])
    assert (await search.search(spec, ObjectSearch(1))).found == ()

    segments = await store.list_objects(at, "segments/", 100)
    await store.remove_objects(at, segments)
    found = await search.search(spec, ObjectSearch(2))
    assert found.found
    assert all(name.startswith("files/docker/registry/v2/blobs/") for name in found.found)
    (warning,) = check_empty_objects(found.found)
    assert warning.code is Reason.ZERO_SEGMENT_OBJECT
    assert "delete exactly these objects, then push their images again" in warning.message
    with pytest.raises(LabError):
        skopeo.copy_out(reference, tmp_path / "before")

    await store.remove_objects(at, found.found)
    assert (await search.search(spec, found)).found == ()
    registry.stop()
    again = start(tmp_path, processes, {"swift": driver}, ca=fixture.gateway.authority.ca_path)
    reference = f"{again.address}/library/app:1"
    skopeo.copy_in(tmp_path / "image", reference)
    assert skopeo.copy_out(reference, tmp_path / "after")


async def test_a_private_ca_must_be_named(fixture: GatewayFixture) -> None:
    with pytest.raises(Refused, match=r"`spec\.storage\.swift\.caSecretRef`") as refusal:
        await fixture.reconcile(caSecretRef=None)

    assert refusal.value.reason is Reason.CERTIFICATE_UNTRUSTED
    assert isinstance(await fixture.reconcile(), Done)
