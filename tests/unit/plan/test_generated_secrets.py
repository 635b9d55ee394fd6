from __future__ import annotations

import bcrypt
import pytest
from pydantic import SecretStr

from harbor_operator.adapters.secrets import SECRET_GENERATOR
from harbor_operator.api.backends import Cache
from harbor_operator.model.release import GeneratedSecret, RedisKey, ReleaseLogin
from harbor_operator.plan.generated_secrets import (
    ca_bundle,
    driver_keys,
    generate_secrets,
    has_all_generated,
    redis_urls,
    s3_keys,
    swift_keys,
)
from tests.fakes.release import generator


def test_generated_secrets_are_complete_and_as_long_as_harbor_requires() -> None:
    generated = generate_secrets(generator(), {})
    assert set(generated) == set(GeneratedSecret)
    assert has_all_generated(generated)
    assert len(generated[GeneratedSecret.SECRET_KEY].get_secret_value()) == 16
    assert len(generated[GeneratedSecret.CSRF].get_secret_value()) == 32


@pytest.mark.parametrize("lost", list(GeneratedSecret))
def test_a_lost_secret_is_generated_again_and_the_others_are_kept(lost: GeneratedSecret) -> None:
    whole = generate_secrets(SECRET_GENERATOR, {})
    found = {key: value for key, value in whole.items() if key != lost}
    completed = generate_secrets(SECRET_GENERATOR, found)
    pairs = [
        {GeneratedSecret.TOKEN_KEY, GeneratedSecret.TOKEN_CERTIFICATE},
        {GeneratedSecret.REGISTRY_PASSWORD, GeneratedSecret.REGISTRY_HTPASSWD},
    ]
    may_change = next((pair for pair in pairs if lost in pair), {lost})
    assert {key for key in whole if whole[key] != completed[key]} <= may_change
    user, _, hashed = completed[GeneratedSecret.REGISTRY_HTPASSWD].get_secret_value().partition(":")
    assert user == "harbor_registry_user"
    assert bcrypt.checkpw(completed[GeneratedSecret.REGISTRY_PASSWORD].get_secret_value().encode(), hashed.encode())


@pytest.mark.parametrize(
    ("cache", "core", "jobs"),
    [
        (
            {"addresses": ["r:6379"]},
            "redis://:a%2Fb%40@r:6379/0?idle_timeout_seconds=30",
            "redis://:a%2Fb%40@r:6379/1",
        ),
        (
            {"addresses": ["r:6380"], "tls": True},
            "rediss://:a%2Fb%40@r:6380/0?idle_timeout_seconds=30",
            "rediss://:a%2Fb%40@r:6380/1",
        ),
        (
            {"addresses": ["s1:1", "s2:2"], "sentinelMaster": "m"},
            "redis+sentinel://:a%2Fb%40@s1:1,s2:2/m/0?idle_timeout_seconds=30",
            "redis+sentinel://:a%2Fb%40@s1:1,s2:2/m/1",
        ),
    ],
)
def test_redis_urls_are_those_the_chart_would_write(cache: dict[str, object], core: str, jobs: str) -> None:
    urls = redis_urls(Cache.model_validate(cache), SecretStr("a/b@"))
    assert urls[RedisKey.CORE].get_secret_value() == core
    assert urls[RedisKey.JOBSERVICE].get_secret_value() == jobs
    assert urls[RedisKey.REGISTRY_PASSWORD].get_secret_value() == "a/b@"


def test_bundle_holds_every_authority_once_in_order() -> None:
    assert ca_bundle(["b\n", " a", "b"]) == "b\na\n"
    assert ca_bundle([]) == ca_bundle([" \n"]) == ""


def test_the_registry_reads_the_keys_of_a_store_and_of_redis_as_they_are() -> None:
    """It reads its variables as YAML: digits would be a number. Other programs read theirs as they are."""
    login = ReleaseLogin("12345", SecretStr("#1"))
    keys = {key: value.get_secret_value() for key, value in {**s3_keys(login), **swift_keys(login)}.items()}
    assert keys == {
        "REGISTRY_STORAGE_S3_ACCESSKEY": '"12345"',
        "REGISTRY_STORAGE_S3_SECRETKEY": '"#1"',
        "AWS_ACCESS_KEY_ID": "12345",
        "AWS_SECRET_ACCESS_KEY": "#1",
        "REGISTRY_STORAGE_SWIFT_PASSWORD": '"#1"',
    }
    urls = redis_urls(Cache.model_validate({"addresses": ["r:6379"]}), SecretStr("12345"))
    assert urls[RedisKey.REGISTRY_PASSWORD].get_secret_value() == '"12345"'
    assert urls[RedisKey.CORE].get_secret_value().startswith("redis://:12345@")
    file = {"GCS_KEY_DATA": SecretStr("{}\n")}
    assert driver_keys(file) == file
