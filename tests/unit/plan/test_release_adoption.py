"""Which values a takeover would lose, replace, or can ignore because they have no effect."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harbor_operator.api.charts import ChartSupport, find_chart
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.release import GeneratedSecret, StoredRelease, Tree
from harbor_operator.model.release_adoption import SecretLocation
from harbor_operator.plan.release import plan_release
from harbor_operator.plan.release_adoption import (
    ADMIN_PASSWORD,
    compare_values,
    effective_values,
    secret_locations,
)
from harbor_operator.plan.values.user import merge_values
from tests.fakes.installed_release import DEFAULTS, KEEPING, SECRETS, adopting
from tests.fakes.release import release_secrets

STORED = StoredRelease("1.19.1", "2.15.1", {}, None, "", chart_name="harbor", defaults=DEFAULTS)
S3: dict[str, Any] = {"endpoint": "https://s3.example.com", "credentialsSecretRef": {"name": "s3"}}
S3_VALUES: Tree = {
    "type": "s3",
    "disableredirect": True,
    "s3": {"bucket": "harbor", "region": "us-east-1", "regionendpoint": "https://s3.example.com", "accesskey": "key"},
}
DATABASE: dict[str, Any] = {"host": "pg.example.com", "credentialsSecretRef": {"name": "pg-harbor"}}
DATABASE_VALUES: Tree = {
    "type": "external",
    "external": {
        "host": "pg.example.com",
        "port": 5432,
        "username": "harbor_intra_cr",
        "password": "given",
        "coreDatabase": "registry",
        "sslmode": "verify-full",
    },
}


def chart(version: str = "1.19.1") -> ChartSupport:
    found = find_chart(version)
    assert found
    return found


def compared(config: Tree, values: Tree | None = None, **spec: Any) -> tuple[list[str], list[str]]:
    """The paths that would be lost, and those that are replaced."""
    wanted = adopting(**spec)
    assert wanted.spec.release
    external = {"cache_password": None, "ca_bundle": "", **({} if "storage" in spec else {"storage_login": None})}
    secrets = release_secrets(merge_values(KEEPING, values or {}), **external)
    desired = plan_release(wanted, wanted.spec.release, secrets)
    assert not isinstance(desired, Blocked), desired
    lost, replaced = compare_values(replace(STORED, config=config), desired, chart())
    return [value.path for value in lost], replaced


def test_a_null_removes_a_default_as_in_helm() -> None:
    given = {"database": {"internal": None}, "trivy": None, "core": {"replicas": 2}}
    values = effective_values(STORED, given)
    assert "trivy" not in values
    assert "internal" not in values["database"]
    assert values["core"] == {"replicas": 2, "extraEnvVars": []}


def test_the_defaults_of_the_chart_are_kept() -> None:
    assert compared({}) == ([], ["expose.tls", "jobservice.jobLoggers"])


@pytest.mark.parametrize(
    "config",
    [
        {"expose": {"nodePort": {"name": "other"}}},
        {"redis": {"external": {"addr": "unused:6379"}}},
        {"persistence": {"imageChartStorage": {"s3": {"bucket": "unused"}}}},
        {"secretKey": "0123456789abcdef", "core": {"secret": "given", "tokenKey": "given", "tokenCert": "given"}},
        {"nodeSelector": None, "core": {"extraEnvVars": None}},
    ],
)
def test_values_without_an_effect_and_secrets_are_no_difference(config: Tree) -> None:
    assert compared(config)[0] == []


@pytest.mark.parametrize(
    ("config", "values"),
    [
        ({"core": {"replicas": 2}}, {"core": {"replicas": 2}}),
        ({"core": {"replicas": "2"}}, {"core": {"replicas": 2}}),
        ({"trivy": {"gitHubToken": "hush"}}, {"trivy": {"gitHubToken": "hush"}}),
    ],
)
def test_a_value_is_lost_unless_the_spec_has_it(config: Tree, values: Tree) -> None:
    ((section, given),) = config.items()
    if "gitHubToken" not in given:
        assert compared(config, values)[0] == []
    assert compared(config)[0] == [f"{section}.{next(iter(given))}"]


def test_tls_must_stay_on_and_its_certificate_may_change() -> None:
    without: Tree = {"expose": {"tls": {"enabled": False, "certSource": "secret"}}}
    assert compared(without)[0] == ["expose.tls.enabled"]
    lost, replaced = compared(without, expose={})
    assert lost == []
    assert "expose.ingress.annotations.nginx.ingress.kubernetes.io/ssl-redirect" in replaced
    assert "expose.tls" not in replaced


def test_the_database_must_be_the_same() -> None:
    assert compared({"database": DATABASE_VALUES}, database=DATABASE)[0] == [
        "database.maxIdleConns",
        "database.maxOpenConns",
    ]
    assert compared({"database": DATABASE_VALUES})[0][-1] == "database.type"
    other = {**DATABASE_VALUES, "external": {**DATABASE_VALUES["external"], "username": "root", "sslmode": "disable"}}
    lost = compared({"database": other}, database=DATABASE)[0]
    assert lost[:2] == ["database.external.sslmode", "database.external.username"]


def test_the_bucket_must_be_the_same_and_the_driver_may_be_tuned() -> None:
    config: Tree = {"persistence": {"imageChartStorage": S3_VALUES}}
    lost, replaced = compared(config, storage={"s3": S3})
    assert lost == []
    assert "persistence.imageChartStorage.s3.chunksize" in replaced
    assert compared(config, storage={"s3": {**S3, "bucket": "other"}})[0] == ["persistence.imageChartStorage.s3.bucket"]
    assert "persistence.imageChartStorage.type" in compared(config)[0]


def test_secrets_are_found_by_the_names_of_the_chart_or_in_the_values() -> None:
    found = secret_locations(DEFAULTS, SECRETS, chart())
    assert found[GeneratedSecret.SECRET_KEY] == SecretLocation("cr-harbor-core", "secretKey")
    assert found[GeneratedSecret.REGISTRY_HTPASSWD] == SecretLocation(
        "cr-harbor-registry-htpasswd", "REGISTRY_HTPASSWD"
    )
    assert found[GeneratedSecret.INTERNAL_DATABASE] == SecretLocation("cr-harbor-database", "POSTGRES_PASSWORD")
    named = {"existingSecretAdminPassword": "admin", "core": {"secretName": "token"}, "database": DATABASE_VALUES}
    found = secret_locations(effective_values(STORED, named), SECRETS, chart())
    assert found[ADMIN_PASSWORD] == SecretLocation("admin", "HARBOR_ADMIN_PASSWORD")
    assert found[GeneratedSecret.TOKEN_KEY] == SecretLocation("token", "tls.key")
    assert GeneratedSecret.INTERNAL_DATABASE not in found


def test_a_chart_without_an_xsrf_key_has_none_to_keep() -> None:
    assert GeneratedSecret.CSRF not in secret_locations(DEFAULTS, SECRETS, chart("1.2.4"))
