from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from harbor_operator.api.v1alpha1 import HarborRegistrySpec

ADOPTING: dict[str, Any] = {"version": "1.19.1", "adopt": True}
DATABASE: dict[str, Any] = {"host": "pg.example.com"}


def parse(release: dict[str, Any], **spec: Any) -> HarborRegistrySpec:
    return HarborRegistrySpec.model_validate({"externalURL": "https://cr.example.com", "release": release, **spec})


def test_a_plan_is_confirmed_by_its_identifier() -> None:
    release = parse({**ADOPTING, "adoptionPlan": "0d2a2b29"}).release
    assert release
    assert release.adoption_plan == "0d2a2b29"
    for identifier in ("0D2A2B29", "0d2a2b2", "yes"):
        with pytest.raises(ValidationError):
            parse({**ADOPTING, "adoptionPlan": identifier})


def test_a_plan_without_an_adoption_is_refused() -> None:
    with pytest.raises(ValidationError, match="`adoptionPlan` needs `adopt: true`"):
        parse({"version": "1.19.1", "adoptionPlan": "0d2a2b29"})


def test_a_release_is_adopted_with_the_login_that_it_uses() -> None:
    assert parse(ADOPTING, database={**DATABASE, "credentialsSecretRef": {"name": "pg"}}).release
    assert parse({"version": "1.19.1"}, database={**DATABASE, "adminSecretRef": {"name": "pg-admin"}}).release
    with pytest.raises(ValidationError, match=r"`release\.adopt` needs `database\.credentialsSecretRef`"):
        parse(ADOPTING, database={**DATABASE, "adminSecretRef": {"name": "pg-admin"}})
