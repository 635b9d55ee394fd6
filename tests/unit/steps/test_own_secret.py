"""A Secret in which the operator remembers something."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from harbor_operator.plan import names
from harbor_operator.ports import Refused
from harbor_operator.steps.own_secret import OwnSecret
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
