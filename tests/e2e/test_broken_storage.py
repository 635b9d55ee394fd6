"""Object store faults: detected before Harbor writes images, and resolved by the remedy in the message."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from lab.ceph import Ceph
from lab.lab import Lab
from lab.nginx import Front, Site
from lab.operator import USER
from lab.process import free_port, wait_until
from lab.registries import Registry, merged
from tests.e2e.conftest import MakeRegistry

pytestmark = pytest.mark.e2e

KEY = "brokenSwiftKey0123456789"
OTHER_KEY = "anotherSwiftKey0123456789"


@dataclass(frozen=True)
class Store:
    """A dedicated gateway behind a TLS proxy, which these tests can break without affecting others."""

    ceph: Ceph
    front: Front
    ca: str

    def prepare(self, registry: Registry) -> Registry:
        """Creates the Secrets that the spec references: the CA, and the login of a dedicated Swift user."""
        registry.put_secret("s3-ca", {"ca.crt": self.ca})
        user = self.ceph.create_swift_user(registry.namespace, "swift", KEY)
        registry.put_secret("swift", {"username": user, "password": KEY})
        return registry

    def spec_for(self, registry: Registry, **changes: Any) -> dict[str, Any]:
        swift = {
            "authURL": f"{self.front.url}/auth/v1.0",
            "container": f"c-{registry.namespace}",
            "credentialsSecretRef": {"name": "swift"},
            "caSecretRef": {"name": "s3-ca"},
            "chunkSizeMiB": 2,
        }
        storage = {"swift": merged(swift, changes)}
        return {"externalURL": "https://localhost:1", "checkIntervalSeconds": 5, "storage": storage}


@pytest.fixture(scope="module")
def store(lab: Lab) -> Iterator[Store]:
    port, directory = free_port(), lab.directory / "broken-store"
    ceph = Ceph.start(directory / "ceph", lab.processes, swift_url=f"https://localhost:{port}")
    front = Front.start(directory / "broken-front", lab.processes, lab.authority, Site(ceph.rgw_url), port=port)
    yield Store(ceph, front, lab.authority.ca_path.read_text())
    front.stop()
    ceph.stop_rgw()


def test_a_wrong_key_names_its_secret_and_recovers_after_the_fix(store: Store, make_registry: MakeRegistry) -> None:
    registry = store.prepare(make_registry("swift-key"))
    right = registry.secret("swift")
    registry.put_secret("swift", {"password": OTHER_KEY})
    registry.apply(store.spec_for(registry))

    seen = registry.wait_condition("StorageReady", "False", "StorageCredentialsRejected")
    assert f"refused the key of user '{right['username']}' from Secret 'swift'" in seen["message"]
    assert "`password` must be the Swift key of that subuser" in seen["message"]
    assert OTHER_KEY not in str(registry.status())

    registry.put_secret("swift", right)
    recovered = registry.wait_condition("StorageReady", "True", "Converged")
    assert f"container 'c-{registry.namespace}'" in recovered["message"]


def test_nothing_is_written_while_the_registry_is_stalled(lab: Lab, store: Store, make_registry: MakeRegistry) -> None:
    registry, postgres = store.prepare(make_registry("all-broken")), lab.services.postgres
    registry.put_secret("swift", {"password": OTHER_KEY})
    registry.put_secret("pg-admin", {"username": postgres.provisioner_user, "password": OTHER_KEY})
    database = {"host": postgres.host, "port": postgres.port, "adminSecretRef": {"name": "pg-admin"}}
    backends = {
        "database": {**database, "caSecretRef": {"name": "s3-ca"}},
        "cache": {"addresses": [f"localhost:{free_port()}"]},
    }
    registry.apply(merged(store.spec_for(registry), backends))
    registry.wait_condition("DatabaseReady", "False", "DatabaseCredentialsRejected")
    registry.wait_condition("CacheReady", "Unknown", "CacheUnreachable")
    registry.wait_condition("StorageReady", "False", "StorageCredentialsRejected")

    wait_until_pass_ends(store)  # the events of the pass that set the conditions come after them
    seen, audit_mark = registry.read(), lab.control_plane.audit.mark()
    wait_until_pass_ends(store)
    writes = lab.control_plane.audit.writes_since(audit_mark, USER)
    assert [write for write in writes if write.namespace == registry.namespace] == []
    assert registry.read() == seen


def wait_until_pass_ends(store: Store) -> None:
    """Waits for a complete pass: the second request to the store comes after the pass with the first one has ended."""
    mark = store.front.mark()
    wait_until(lambda: len(store.front.requests_since(mark)) > 1, "two more passes", deadline=30)


def test_an_unknown_user_is_distinguished_from_a_wrong_key(store: Store, make_registry: MakeRegistry) -> None:
    registry = store.prepare(make_registry("swift-user"))
    registry.put_secret("swift", {"username": "absent:swift"})
    registry.apply(store.spec_for(registry))

    seen = registry.wait_condition("StorageReady", "False", "StorageCredentialsRejected")
    assert "does not know user 'absent:swift' from Secret 'swift'" in seen["message"]
    assert "radosgw-admin subuser create" in seen["message"]


def test_a_gateway_that_advertises_its_own_address_is_rejected_until_it_is_reconfigured(
    store: Store, make_registry: MakeRegistry
) -> None:
    registry = store.prepare(make_registry("swift-url"))
    store.ceph.restart_rgw(None)
    try:
        registry.apply(store.spec_for(registry))
        seen = registry.wait_condition("StorageReady", "False", "StorageUrlMismatch")
    finally:
        store.ceph.restart_rgw(store.front.url)

    message = seen["message"]
    assert f"X-Storage-Url is 'http://localhost:{store.ceph.rgw_port}/swift/v1" in message
    assert "`spec.storage.swift.authURL`" in message
    assert "the scheme is 'http' and must be 'https'" in message
    assert "restart radosgw" in message
    remedy = re.search(r"Set `rgw swift url = (\S+)`", message)
    assert remedy is not None
    assert remedy[1] == store.front.url, "the message names the value with which the gateway was restarted"

    registry.wait_condition("StorageReady", "True", "Converged")
    assert registry.status()["storageURL"] == f"{store.front.url}/swift/v1"


def test_a_proxy_body_limit_is_detected_before_a_push_fails(store: Store, make_registry: MakeRegistry) -> None:
    registry = store.prepare(make_registry("swift-body"))
    store.front.reconfigure(max_body="2m")
    try:
        registry.apply(store.spec_for(registry))
        seen = registry.wait_condition("StorageReady", "False", "StorageBodyLimit")
    finally:
        store.front.reconfigure(max_body="0")

    assert "refused a body of 3 MiB" in seen["message"]
    for remedy in ("`client_max_body_size 0`", "proxy-body-size: '0'", "`spec.storage.swift.chunkSizeMiB`"):
        assert remedy in seen["message"]

    registry.wait_condition("StorageReady", "True", "Converged")


def test_a_gateway_that_is_down_is_unknown_and_not_false(store: Store, make_registry: MakeRegistry) -> None:
    registry = store.prepare(make_registry("swift-down"))
    registry.apply(store.spec_for(registry))
    registry.wait_condition("StorageReady", "True", "Converged")
    store.ceph.stop_rgw()
    try:
        seen = registry.wait_condition("StorageReady", "Unknown", "StorageUnreachable")
    finally:
        store.ceph.restart_rgw(store.front.url)

    assert f"{store.front.url}/auth/v1.0" in seen["message"]
    registry.wait_condition("StorageReady", "True", "Converged")


def test_two_registries_do_not_share_a_container(store: Store, make_registry: MakeRegistry) -> None:
    first, second = store.prepare(make_registry("swift-first")), make_registry("swift-second")
    first.apply(store.spec_for(first))
    first.wait_condition("StorageReady", "True", "Converged")
    second.put_secret("s3-ca", {"ca.crt": store.ca})
    second.put_secret("swift", first.secret("swift"))
    second.apply(store.spec_for(second, container=f"c-{first.namespace}"))

    seen = second.wait_condition("StorageReady", "False", "StorageContainerRefused")
    assert f"is in use by HarborRegistry '{first.namespace}/cr'" in seen["message"]
    assert "create it again with another `spec.storage.swift.container`" in seen["message"]


def test_a_provisioned_user_is_created_and_deleted_with_its_data(store: Store, make_registry: MakeRegistry) -> None:
    registry, ceph, uid = make_registry("swift-made"), store.ceph, "made-by-operator"
    registry.put_secret("s3-ca", {"ca.crt": store.ca})
    keys = ceph.admin("user", "create", "--uid=e2e-admin", "--display-name=admin", "--caps=users=*")["keys"][0]
    registry.put_secret("rgw-admin", {"accessKey": keys["access_key"], "secretKey": "wrongSecretKey0123456789"})
    provision = {"adminURL": ceph.rgw_url, "adminSecretRef": {"name": "rgw-admin"}, "uid": uid, "quotaGiB": 3}
    spec = store.spec_for(registry, provision=provision)
    registry.apply({**spec, "deletionPolicy": {"storage": "Delete"}})

    refused = registry.wait_condition("StorageReady", "False", "StorageProvisioningRefused")
    assert "`secretKey` in Secret 'rgw-admin' does not belong to its `accessKey`" in refused["message"]
    registry.put_secret("rgw-admin", {"secretKey": keys["secret_key"]})
    registry.wait_condition("StorageReady", "True", "Converged")

    login, user = registry.secret("swift"), ceph.admin("user", "info", f"--uid={uid}")
    assert login["username"].startswith(f"{uid}:")
    assert user["subusers"] == [{"id": login["username"], "permissions": "full-control"}]
    (key,) = user["swift_keys"]
    assert (key["user"], key["secret_key"]) == (login["username"], login["password"])
    assert (user["user_quota"]["enabled"], user["user_quota"]["max_size"]) == (True, 3 << 30)
    assert login["password"] not in str(registry.read())

    registry.delete()
    assert uid not in ceph.admin("user", "list")
    assert f"c-{registry.namespace}" not in ceph.containers()


def test_a_smaller_chunk_size_resolves_a_body_limit(store: Store, make_registry: MakeRegistry) -> None:
    registry = store.prepare(make_registry("swift-chunk"))
    store.front.reconfigure(max_body="2m")
    try:
        registry.apply(store.spec_for(registry))
        registry.wait_condition("StorageReady", "False", "StorageBodyLimit")
        registry.patch({"storage": {"swift": {"chunkSizeMiB": 1}}})
        registry.wait_condition("StorageReady", "True", "Converged")
    finally:
        store.front.reconfigure(max_body="0")
    left = [stored.name for stored in store.ceph.objects(f"c-{registry.namespace}")]
    wait_until(lambda: left == ["harbor-operator/proof"], f"only the marker remains, not {left}", deadline=1)
