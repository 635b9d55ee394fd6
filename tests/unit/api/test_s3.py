"""Keys or an identity: exactly one of them, and nothing that the operator would need keys for."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from harbor_operator.api.v1alpha1 import HarborRegistry
from tests.fakes.release import registry

KEYS: dict[str, Any] = {"credentialsSecretRef": {"name": "s3"}}
IDENTITY: dict[str, Any] = {"ambientIdentity": {}}
PROVISION = {"adminURL": "http://rgw:80", "adminSecretRef": {"name": "rgw-admin"}, "uid": "harbor"}


def with_bucket(s3: dict[str, Any], to: dict[str, Any] | None = None, **spec: Any) -> HarborRegistry:
    storage: dict[str, Any] = {"s3": {"endpoint": "https://s3.example.com", **s3}}
    if to is not None:
        storage["migration"] = {"to": {"s3": {"endpoint": "https://s3.example.com", "bucket": "new", **to}}}
    return registry(storage=storage, **spec)


@pytest.mark.parametrize("login", [KEYS, IDENTITY], ids=["keys", "identity"])
def test_one_login_is_accepted(login: dict[str, Any]) -> None:
    storage = with_bucket(login).spec.storage
    assert storage is not None
    assert (storage.registry_only is storage.s3) == (login is IDENTITY)


@pytest.mark.parametrize(
    ("s3", "message"),
    [
        ({}, "exactly one of `credentialsSecretRef` and `ambientIdentity`"),
        ({**KEYS, **IDENTITY}, "exactly one of `credentialsSecretRef` and `ambientIdentity`"),
        ({**IDENTITY, "provision": PROVISION}, "`provision` and `adoptExisting` need `credentialsSecretRef`"),
        ({**IDENTITY, "adoptExisting": True}, "`provision` and `adoptExisting` need `credentialsSecretRef`"),
        ({"ambientIdentity": {"role": "x"}}, "Extra inputs are not permitted"),
    ],
)
def test_another_login_is_refused(s3: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        with_bucket(s3)


@pytest.mark.parametrize(("source", "target"), [(IDENTITY, KEYS), (KEYS, IDENTITY)], ids=["source", "target"])
def test_images_are_not_migrated_without_keys(source: dict[str, Any], target: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="`migration` needs `credentialsSecretRef`"):
        with_bucket(source, target)


def test_an_identity_needs_the_chart_and_its_images_stay() -> None:
    with pytest.raises(ValidationError, match=r"`storage.s3.ambientIdentity` needs `release`"):
        with_bucket(IDENTITY, release=None)
    with pytest.raises(ValidationError, match=r"`deletionPolicy.storage: Delete` is not possible"):
        with_bucket(IDENTITY, deletionPolicy={"storage": "Delete"})
