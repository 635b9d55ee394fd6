"""The Storage step with its real adapters against a real RADOS gateway behind a real front with TLS."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.postgres import PsycopgPostgres
from harbor_operator.adapters.rgw_admin import HttpRgwAdmin
from harbor_operator.adapters.s3_store import HttpS3Store
from harbor_operator.adapters.swift import SwiftObjectStore
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.outcomes import Blocked, Done, Outcome, Pending
from harbor_operator.model.storage import Container
from harbor_operator.plan.names import cluster_digest
from harbor_operator.plan.storage import PROOF_OBJECT
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.steps.storage import StorageStep, Stores
from lab.process import scaled
from tests.contract.gateway import KEY, Gateway
from tests.fakes.kube import FakeKube

pytestmark = pytest.mark.lab

T = TypeVar("T")
NAMESPACE = "intra"
READS = {"GET", "HEAD"}


async def answered(request: Callable[[], Awaitable[T]]) -> T:
    """Repeats a request while the store does not answer, as the operator does; a busy machine can pause the store."""
    async with asyncio.timeout(scaled(60)):
        while True:
            with suppress(Unavailable):
                return await request()


class GatewayFixture:
    """A registry of its own on the shared gateway: Secrets in a fake API server, everything else real."""

    def __init__(self, gateway: Gateway, uid: str = "") -> None:
        self.gateway = gateway
        self.uid = uid or f"u{uuid4().hex[:8]}"
        self.container = f"c-{self.uid}"
        self.kube = FakeKube()
        self.cluster = "cluster-1"
        self.made = f"made{uuid4().hex}"
        self.step = StorageStep(
            self.kube,
            Stores(SwiftObjectStore(), HttpS3Store(), HttpRgwAdmin()),
            lambda: SecretStr(self.made),
            PsycopgPostgres(),
        )
        self.kube.put(NAMESPACE, "s3-ca", {"ca.crt": gateway.authority.ca_pem})

    def with_login(self, key: str = KEY) -> GatewayFixture:
        username = self.gateway.ceph.create_swift_user(self.uid, "swift", KEY)
        self.kube.put(NAMESPACE, "swift", {"username": username, "password": key})
        return self

    def with_admin(self) -> GatewayFixture:
        """An admin that has the one capability our documentation asks for."""
        ceph = self.gateway.ceph
        named = (f"--uid=a{self.uid}", "--display-name=admin", "--caps=users=*")
        keys = ceph.admin("user", "create", *named)["keys"][0]
        values = {"accessKey": keys["access_key"], "secretKey": keys["secret_key"]}
        self.kube.put(NAMESPACE, "rgw-admin", values)
        return self

    @property
    def provision(self) -> dict[str, Any]:
        secret = {"name": "rgw-admin"}
        return {"adminURL": self.gateway.admin_front.url, "adminSecretRef": secret, "uid": self.uid, "quotaGiB": 1}

    def registry(self, **swift: Any) -> HarborRegistry:
        wanted = {
            "authURL": self.gateway.auth_url,
            "container": self.container,
            "credentialsSecretRef": {"name": "swift"},
            "caSecretRef": {"name": "s3-ca"},
            "chunkSizeMiB": 2,
            **swift,
        }
        spec = {
            "externalURL": "https://cr.example.com",
            "storage": {"swift": wanted},
            "deletionPolicy": {"storage": "Delete"},
        }
        return HarborRegistry.parse(
            {"metadata": {"name": "cr", "namespace": NAMESPACE, "uid": self.uid}, "spec": spec}, self.cluster
        )

    async def reconcile(self, **swift: Any) -> Outcome:
        return await answered(lambda: self.step.reconcile(self.registry(**swift)))

    async def teardown(self, **swift: Any) -> Outcome:
        return await answered(lambda: self.step.teardown(self.registry(**swift)))

    @property
    def username(self) -> str:
        """The login that the operator creates."""
        return f"{self.uid}:intra.cr.{cluster_digest(self.registry())}"

    def objects(self) -> list[str]:
        return [found.name for found in self.gateway.ceph.objects(self.container)]


@pytest.fixture
def fixture(gateway: Gateway) -> GatewayFixture:
    return GatewayFixture(gateway)


async def test_a_store_is_probed_once(fixture: GatewayFixture) -> None:
    fixture.with_login()
    first = await fixture.reconcile()
    mark = fixture.gateway.front.mark()

    assert isinstance(first, Done)
    assert fixture.objects() == [PROOF_OBJECT]
    assert await fixture.reconcile() == first
    observed = fixture.gateway.front.requests_since(mark)
    assert [(request.method, request.status) for request in observed] == [("GET", 204), ("HEAD", 204), ("HEAD", 200)]


async def test_a_wrong_storage_url_is_named_and_recovers_when_the_gateway_is_configured(
    fixture: GatewayFixture,
) -> None:
    fixture.with_login()
    fixture.gateway.announce_nothing()
    try:
        outcome = await fixture.reconcile()
    finally:
        fixture.gateway.announce_front()

    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.STORAGE_URL_MISMATCH
    wrong = f"http://localhost:{fixture.gateway.ceph.rgw_port}/swift/v1"
    for words in (
        f"X-Storage-Url is '{wrong}'",
        "the scheme is 'http'",
        f"`rgw swift url = {fixture.gateway.front.url}`",
    ):
        assert words in outcome.message
    assert isinstance(await fixture.reconcile(), Done)


async def test_a_trailing_slash_in_rgw_swift_url_is_seen(fixture: GatewayFixture) -> None:
    fixture.with_login()
    fixture.gateway.ceph.restart_rgw(f"{fixture.gateway.front.url}/")
    try:
        outcome = await fixture.reconcile()
    finally:
        fixture.gateway.announce_front()

    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.STORAGE_URL_MISMATCH
    assert "has a double slash, from a trailing slash in `rgw swift url`" in outcome.message
    assert f"Set `rgw swift url = {fixture.gateway.front.url}`" in outcome.message
    assert isinstance(await fixture.reconcile(), Done)


async def test_a_body_limit_below_a_chunk_is_found_and_heals(fixture: GatewayFixture) -> None:
    fixture.with_login()
    fixture.gateway.front.reconfigure(max_body="2m")
    try:
        with pytest.raises(Refused, match="3 MiB") as refusal:
            await fixture.reconcile()
    finally:
        fixture.gateway.front.reconfigure(max_body="0")

    assert refusal.value.reason is Reason.STORAGE_BODY_LIMIT
    assert fixture.objects() == []
    assert isinstance(await fixture.reconcile(), Done)


async def test_a_default_chunk_passes(fixture: GatewayFixture) -> None:
    assert isinstance(await fixture.with_login().reconcile(chunkSizeMiB=20), Done)


async def test_a_wrong_key_is_refused_and_heals(fixture: GatewayFixture) -> None:
    fixture.with_login("wr0ngkey")

    with pytest.raises(Refused, match="Secret 'swift'") as refusal:
        await fixture.reconcile()

    assert refusal.value.reason is Reason.STORAGE_CREDENTIALS_REJECTED
    assert "wr0ngkey" not in str(refusal.value)
    values = {"username": f"{fixture.uid}:swift", "password": KEY}
    fixture.kube.put(NAMESPACE, "swift", values)
    assert isinstance(await fixture.reconcile(), Done)


async def test_a_login_is_provisioned_once_and_set_again_when_it_differs(fixture: GatewayFixture) -> None:
    fixture.with_admin()
    first = await fixture.reconcile(provision=fixture.provision)
    fronts = (fixture.gateway.front, fixture.gateway.admin_front)
    marks = [front.mark() for front in fronts]

    assert isinstance(first, Done)
    assert fixture.kube.values(NAMESPACE, "swift") == {"username": fixture.username, "password": fixture.made}
    assert await fixture.reconcile(provision=fixture.provision) == first
    for front, mark in zip(fronts, marks, strict=True):
        assert {request.method for request in front.requests_since(mark)} <= READS

    meddle = ("--key-type=swift", "--secret-key=meddled")
    fixture.gateway.ceph.admin("key", "create", f"--uid={fixture.uid}", f"--subuser={fixture.username}", *meddle)
    assert isinstance(await fixture.reconcile(provision=fixture.provision), Done)


async def test_a_proxy_that_changes_the_signed_host_is_named(fixture: GatewayFixture) -> None:
    fixture.with_admin()
    provision = {**fixture.provision, "adminURL": fixture.gateway.front.url}

    with pytest.raises(Refused, match="a proxy changes the Host header"):
        await fixture.reconcile(provision=provision)


async def test_delete_takes_everything_back_in_bites(fixture: GatewayFixture) -> None:
    fixture.with_admin()
    assert isinstance(await fixture.reconcile(provision=fixture.provision), Done)
    store = SwiftObjectStore()
    account = fixture.gateway.account(fixture.username, fixture.made)
    at = Container(await store.login(account), fixture.container)
    for number in range(30):
        await answered(partial(store.write_object, at, f"files/{number}", b"x", {}))
    outcomes: list[Outcome] = []
    while not outcomes or isinstance(outcomes[-1], Pending):
        outcomes.append(await fixture.teardown(provision=fixture.provision))
        assert len(outcomes) < 10

    assert len(outcomes) > 1
    assert isinstance(outcomes[-1], Done)
    assert fixture.container not in fixture.gateway.ceph.containers()
    assert await HttpRgwAdmin().read_user(fixture.gateway.endpoint(), fixture.uid) is None
    assert (NAMESPACE, "swift") not in fixture.kube.secrets


async def test_two_clusters_with_the_same_manifest_share_a_gateway(gateway: Gateway) -> None:
    """Findings D4, D6: the container stays with the first, and each has a login of its own."""
    first = GatewayFixture(gateway).with_admin()
    second = GatewayFixture(gateway, first.uid)
    second.cluster, second.kube.secrets["intra", "rgw-admin"] = "cluster-2", first.kube.secrets["intra", "rgw-admin"]
    shared = {key: value for key, value in first.provision.items() if key != "quotaGiB"}
    for _ in range(2):
        assert isinstance(await first.reconcile(provision=shared), Done)
        refused = await second.reconcile(provision=shared)
        assert isinstance(refused, Blocked)
        assert refused.reason is Reason.STORAGE_CONTAINER_REFUSED
        assert isinstance(await second.reconcile(provision=shared, container=f"{first.container}-2"), Done)
    user = await HttpRgwAdmin().read_user(gateway.endpoint(), first.uid)
    assert user is not None
    keys = {name: key.get_secret_value() for name, key in user.swift_keys.items()}
    assert keys == {first.username: first.made, second.username: second.made}


async def test_an_adopted_container_stays_and_its_previous_owner_does_not_take_it_back(gateway: Gateway) -> None:
    """Finding D4."""
    first = GatewayFixture(gateway).with_login()
    second = GatewayFixture(gateway, first.uid)
    second.cluster, second.kube.secrets["intra", "swift"] = "cluster-2", first.kube.secrets["intra", "swift"]
    assert isinstance(await first.reconcile(), Done)
    assert isinstance(await second.reconcile(adoptExisting=True), Done)
    refused = await first.reconcile(adoptExisting=True)
    assert isinstance(refused, Blocked)
    assert "cluster 'cluster-2'" in refused.message
    assert isinstance(await second.teardown(), Done)
    assert second.objects() == [PROOF_OBJECT]


async def test_the_user_of_a_tenant_is_provisioned(gateway: Gateway) -> None:
    """Finding F17."""
    fixture = GatewayFixture(gateway).with_admin()
    fixture.uid = f"team$u{uuid4().hex[:8]}"
    assert isinstance(await fixture.reconcile(provision=fixture.provision), Done)
    assert fixture.kube.values(NAMESPACE, "swift")["username"] == fixture.username
    while not isinstance(await fixture.teardown(provision=fixture.provision), Done):
        pass
    assert await HttpRgwAdmin().read_user(gateway.endpoint(), fixture.uid) is None
