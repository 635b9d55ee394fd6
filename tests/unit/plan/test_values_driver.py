from __future__ import annotations

import base64
from typing import Any

import pytest
from pydantic import SecretStr

from harbor_operator.api.chart_keys import chart_keys, unknown_key
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.release import Tree
from harbor_operator.plan.release import select_chart
from tests.fakes.release import registry, release_secrets
from tests.fakes.storage_driver import AZURE, CREDENTIALS, GCS, KEYSTONE, OSS, S3, VALID
from tests.unit.plan.test_values import leaves, refused, values


def driver_values(driver: dict[str, Any], version: str = "1.19.1", **changes: str) -> Tree:
    credential = {key: SecretStr(value) for key, value in {**CREDENTIALS[driver["name"]], **changes}.items()}
    return values(version, storage={"driver": driver}, storage_login=None, driver_credential=credential)


def images(driver: dict[str, Any], version: str = "1.19.1") -> Tree:
    made: Tree = driver_values(driver, version)["persistence"]["imageChartStorage"]
    return made


@pytest.mark.parametrize("driver", [AZURE, GCS, OSS, KEYSTONE], ids=lambda driver: driver["name"])
def test_a_new_chart_reads_the_credential_from_the_secret(driver: dict[str, Any]) -> None:
    assert images(driver) == {
        "type": driver["name"],
        "disableredirect": True,
        "caBundleSecretName": "hreg-cr-ca-bundle",
        driver["name"]: {**driver["parameters"], "existingSecret": "hreg-cr-storage-login"},
    }


@pytest.mark.parametrize("minor", range(2, 20))
@pytest.mark.parametrize("driver", VALID.values(), ids=VALID.keys())
def test_every_key_is_one_of_the_chart_and_no_secret_is_shown(driver: dict[str, Any], minor: int) -> None:
    made, known = images(driver, f"1.{minor}.0"), chart_keys(minor)
    paths = [("persistence", "imageChartStorage", *path) for path, _ in leaves(made)]
    assert [path for path in paths if unknown_key(path, known)] == []
    assert "secret-key-1" not in repr(made)


@pytest.mark.parametrize(
    ("driver", "version", "key", "value"),
    [
        (AZURE, "1.9.6", "accountkey", "azure/secret/key"),
        (GCS, "1.9.6", "encodedkey", base64.b64encode(CREDENTIALS["gcs"]["GCS_KEY_DATA"].encode()).decode()),
        (OSS, "1.13.5", "accesskeysecret", "oss-secret-key-1"),
        (KEYSTONE, "1.13.5", "password", "swift-secret-key-1"),
    ],
)
def test_an_old_chart_gets_the_credential_as_a_value(
    driver: dict[str, Any], version: str, key: str, value: str
) -> None:
    section = images(driver, version)[driver["name"]]
    assert "existingSecret" not in section
    assert section[key] == SecretStr(value)


def test_the_identity_of_a_pod_needs_no_secret() -> None:
    gcs = {"name": "gcs", "parameters": {"bucket": "images", "useWorkloadIdentity": "true"}}
    made = values(storage={"driver": gcs}, storage_login=None)["persistence"]["imageChartStorage"]
    assert made["gcs"] == {"bucket": "images", "useWorkloadIdentity": True}
    assert (
        values(storage={"driver": S3}, storage_login=None)["persistence"]["imageChartStorage"]["s3"]
        == (S3["parameters"])
    )


def test_an_identity_that_is_switched_off_is_no_text() -> None:
    gcs = {**GCS, "parameters": {**GCS["parameters"], "useWorkloadIdentity": "false"}}
    assert "useWorkloadIdentity" not in images(gcs)["gcs"]


def test_the_registry_restarts_with_another_credential() -> None:
    before, after = driver_values(AZURE), driver_values(AZURE, AZURE_STORAGE_ACCESS_KEY="another")
    assert before["registry"]["podAnnotations"] != after["registry"]["podAnnotations"]
    assert before["core"]["podAnnotations"] == after["core"]["podAnnotations"]


def test_the_credential_is_redacted() -> None:
    assert SecretStr("x-secret") in release_secrets(driver_credential={"KEY": SecretStr("x-secret")}).all_secrets


@pytest.mark.parametrize(("name", "key"), [("azure", "accountkey"), ("gcs", "encodedkey"), ("oss", "accesskeysecret")])
def test_a_credential_in_the_values_is_refused(name: str, key: str) -> None:
    user = {"persistence": {"imageChartStorage": {name: {key: "x"}}}}
    assert "spec.storage.driver.secretRef" in refused(user, storage={"driver": AZURE}, storage_login=None).message


def test_a_parameter_that_an_old_chart_does_not_read_is_refused() -> None:
    s3 = {**S3, "parameters": {**S3["parameters"], "skipverify": "true"}}
    chosen = {}
    for version in ("1.4.6", "1.5.5"):
        wanted = registry(version, storage={"driver": s3})
        assert wanted.spec.release
        chosen[version] = select_chart(wanted, wanted.spec.release)
    old = chosen["1.4.6"]
    assert isinstance(old, Blocked)
    assert "charts 1.4.x do not read `spec.storage.driver.parameters.skipverify`" in old.message
    assert not isinstance(chosen["1.5.5"], Blocked)


def test_swift_is_refused_where_the_chart_is_unknown() -> None:
    wanted = registry("1.99.0", storage={"driver": KEYSTONE})
    assert wanted.spec.release
    chosen = select_chart(wanted, wanted.spec.release)
    assert isinstance(chosen, Blocked)
    assert chosen.reason == "SwiftUnsupported"


def test_a_text_of_digits_stays_a_text_in_the_configuration_of_swift() -> None:
    parameters = {**KEYSTONE["parameters"], "tenant": "2026", "username": "1e5", "container": "0123"}
    swift = images({**KEYSTONE, "parameters": parameters})["swift"]
    assert (swift["tenant"], swift["username"], swift["container"]) == ('"2026"', '"1e5"', '"0123"')
    assert (swift["authurl"], swift["authversion"]) == ("https://keystone.example.com/v3", "3")
