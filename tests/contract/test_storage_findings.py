"""What is wrong with a Swift store: the Storage step names it on a real RADOS gateway, and its remedy ends the finding.

`test_storage_on_rgw.py` has the wrong key, the limit of a proxy and the URL that the gateway announces by itself.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from tests.contract.gateway import KEY, Gateway
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


async def test_a_private_ca_must_be_named(fixture: GatewayFixture) -> None:
    with pytest.raises(Refused, match=r"`spec\.storage\.swift\.caSecretRef`") as refusal:
        await fixture.reconcile(caSecretRef=None)

    assert refusal.value.reason is Reason.CERTIFICATE_UNTRUSTED
    assert isinstance(await fixture.reconcile(), Done)
