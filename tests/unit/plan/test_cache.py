"""The desired cache of a registry."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.cache import Address
from harbor_operator.model.release import RedisKey
from harbor_operator.plan.cache import plan_cache
from harbor_operator.plan.generated_secrets import redis_urls


def _registry(cache: dict[str, Any] | None) -> HarborRegistry:
    return HarborRegistry.parse(
        {
            "metadata": {"name": "cr", "namespace": "intra", "uid": "uid-1"},
            "spec": {"externalURL": "https://cr.example.com", "cache": cache},
        }
    )


def test_a_single_address_is_a_primary() -> None:
    desired = plan_cache(_registry({"addresses": ["redis.example.com:6379"], "tls": True}))
    assert (desired.addresses, desired.is_sentinel, desired.tls) == ((Address("redis.example.com", 6379),), False, True)


def test_an_ipv6_address_loses_its_brackets_for_the_connection() -> None:
    (address,) = plan_cache(_registry({"addresses": ["[fd00::1]:6379"]})).addresses
    assert (address.host, address.port, address.text) == ("fd00::1", 6379, "[fd00::1]:6379")


def test_an_ipv6_address_keeps_its_brackets_in_the_url() -> None:
    cache = _registry({"addresses": ["[fd00::1]:6379"]}).spec.cache
    assert cache is not None
    url = redis_urls(cache, SecretStr("word"))[RedisKey.CORE].get_secret_value()
    assert url.startswith("redis://:word@[fd00::1]:6379/0")


def test_with_a_master_name_the_addresses_are_sentinels() -> None:
    desired = plan_cache(_registry({"addresses": ["a:1", "b:2"], "sentinelMaster": "mymaster"}))
    assert desired.addresses == (Address("a", 1), Address("b", 2))
    assert desired.is_sentinel


def test_without_a_section_there_is_nothing_to_plan() -> None:
    with pytest.raises(ValueError, match=r"spec\.cache"):
        plan_cache(_registry(None))
