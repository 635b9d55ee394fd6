from __future__ import annotations

import pytest
from pydantic import SecretStr, ValidationError

from harbor_operator.api.backends import Cache
from harbor_operator.model.outcomes import Blocked
from harbor_operator.plan.generated_secrets import redis_urls
from harbor_operator.plan.release import plan_release
from tests.fakes.release import registry, release_secrets
from tests.unit.plan.test_values import values

ACL_CACHE = {"addresses": ["r:6379"], "passwordSecretRef": {"name": "redis"}, "username": "har:bor"}


def test_the_acl_user_is_given_to_the_chart_and_to_the_pods() -> None:
    """Finding F10."""
    assert values("1.19.1", cache=ACL_CACHE)["redis"]["external"]["username"] == "har:bor"
    urls = {url.get_secret_value() for url in redis_urls(Cache.model_validate(ACL_CACHE), SecretStr("x")).values()}
    assert "redis://har%3Abor:x@r:6379/1" in urls


def test_an_acl_user_is_refused_for_charts_whose_registry_sends_none() -> None:
    """Finding F10."""
    desired = registry("1.18.4", cache=ACL_CACHE)
    assert desired.spec.release
    refused = plan_release(desired, desired.spec.release, release_secrets())
    assert isinstance(refused, Blocked)
    assert "`spec.cache.username`" in refused.message


@pytest.mark.parametrize(
    "cache",
    [
        {"addresses": ["r:6379"], "username": "harbor"},
        {"addresses": ["r:6379"], "caSecretRef": {"name": "ca"}},
        {"addresses": ["r:6379"], "passwordSecretRef": {"name": "redis"}, "username": "a b"},
    ],
)
def test_a_cache_field_without_its_counterpart_is_refused(cache: dict[str, object]) -> None:
    """Finding F10."""
    with pytest.raises(ValidationError):
        Cache.model_validate(cache)
