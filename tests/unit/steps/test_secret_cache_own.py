"""The Secrets that the operator has created for a registry are read in one request."""

from __future__ import annotations

import asyncio

import pytest

from harbor_operator.steps.secret_cache import CachedNamespaceResources, OwnSecrets, one_pass
from tests.fakes.kube import FakeKube

NAMESPACE = "intra"
OWNER = {"owner": "us"}
OWN = OwnSecrets(NAMESPACE, "hreg-cr-", "owner=us,owner!=helm")


@pytest.fixture
def kube() -> FakeKube:
    return FakeKube()


async def test_the_own_secrets_of_a_registry_are_read_in_one_request(kube: FakeKube) -> None:
    cached = CachedNamespaceResources(kube)
    for name in ("hreg-cr-a", "hreg-cr-b"):
        kube.put(NAMESPACE, name, {"key": name}, OWNER)
    kube.put(NAMESPACE, "hreg-cr-foreign", {"key": "other"})
    with one_pass(OWN) as cache:
        both = asyncio.gather(*(cached.read_secret(NAMESPACE, name) for name in ("hreg-cr-a", "hreg-cr-b")))
        assert [secret and secret.name for secret in await both] == ["hreg-cr-a", "hreg-cr-b"]
        assert await cached.read_secret(NAMESPACE, "hreg-cr-foreign")
        assert await cached.read_secret(NAMESPACE, "hreg-cr-absent") is None
    assert kube.listings == [f"{NAMESPACE}?{OWN.label_selector}"]
    assert kube.reads == [f"{NAMESPACE}/hreg-cr-foreign", f"{NAMESPACE}/hreg-cr-absent"]
    assert cache.versions().keys() == {(NAMESPACE, f"hreg-cr-{name}") for name in ("a", "b", "foreign", "absent")}


async def test_an_own_secret_that_was_changed_is_read_again(kube: FakeKube) -> None:
    cached = CachedNamespaceResources(kube)
    stored = kube.put(NAMESPACE, "hreg-cr-a", {"key": "old"}, OWNER)
    with one_pass(OWN):
        assert await cached.read_secret(NAMESPACE, "hreg-cr-a")
        await cached.patch_secret(NAMESPACE, "hreg-cr-a", {"stringData": {"key": "new"}}, stored.resource_version)
        changed = await cached.read_secret(NAMESPACE, "hreg-cr-a")
        assert changed
        assert changed.values["key"].get_secret_value() == "new"
        await cached.remove_secret(NAMESPACE, "hreg-cr-a", OWNER)
        assert await cached.read_secret(NAMESPACE, "hreg-cr-a") is None
