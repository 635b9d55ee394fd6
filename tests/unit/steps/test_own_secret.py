"""A Secret in which the operator remembers something."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from harbor_operator.plan import names
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.steps.own_secret import OwnSecret
from harbor_operator.steps.secret_cache import CachedNamespaceResources, one_pass
from tests.fakes.kube import FakeKube
from tests.fakes.release import NAMESPACE, registry

REGISTRY = registry()
VALUES = {"digest": SecretStr("a")}


async def test_what_was_written_is_read_until_it_is_removed() -> None:
    secret = OwnSecret(FakeKube(), names.authentication_secret)
    assert await secret.read(REGISTRY) == {}
    await secret.write(REGISTRY, VALUES)
    assert await secret.read(REGISTRY) == VALUES
    await secret.remove(REGISTRY)
    assert await secret.read(REGISTRY) == {}


async def test_a_secret_of_another_owner_counts_as_absent_and_stays() -> None:
    kube = FakeKube()
    secret, name = OwnSecret(kube, names.authentication_secret), names.authentication_secret(REGISTRY)
    kube.put(NAMESPACE, name, {"digest": "of another"})
    assert await secret.read(REGISTRY) == {}
    with pytest.raises(Refused):
        await secret.write(REGISTRY, VALUES)
    await secret.remove(REGISTRY)
    assert await kube.read_secret(NAMESPACE, name) is not None


async def test_an_update_keeps_what_others_have_changed() -> None:
    kube = FakeKube()
    secret, name = OwnSecret(kube, names.generated_secrets), names.generated_secrets(REGISTRY)
    kube.put(NAMESPACE, name, {"kept": "1", "changed": "1", "removed": "1"}, names.owner_labels(REGISTRY))
    cached = OwnSecret(CachedNamespaceResources(kube), names.generated_secrets)
    with one_pass():
        await cached.read(REGISTRY)
        await cached.update(REGISTRY, {"changed": SecretStr("2"), "removed": None})
        assert await cached.read(REGISTRY) == {"kept": SecretStr("1"), "changed": SecretStr("2")}
        kube.put(NAMESPACE, name, {"kept": "3", "changed": "2"}, names.owner_labels(REGISTRY))
        with pytest.raises(Unavailable):
            await cached.update(REGISTRY, {"changed": SecretStr("4")})
    assert await secret.read(REGISTRY) == {"kept": SecretStr("3"), "changed": SecretStr("2")}


async def test_an_update_without_a_difference_writes_nothing() -> None:
    kube = FakeKube()
    secret, name = OwnSecret(kube, names.generated_secrets), names.generated_secrets(REGISTRY)
    with pytest.raises(Unavailable):
        await secret.update(REGISTRY, VALUES)
    kube.put(NAMESPACE, name, {"digest": "a"}, names.owner_labels(REGISTRY))
    await secret.update(REGISTRY, {**VALUES, "absent": None})
    assert kube.writes == []
