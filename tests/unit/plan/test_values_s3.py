from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from harbor_operator.api.chart_keys import chart_keys, unknown_key
from harbor_operator.api.charts import ChartSupport
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.release import ReleaseLogin, Tree
from harbor_operator.plan.release import select_chart
from tests.fakes.release import registry
from tests.unit.plan.test_values import leaves, refused, shown, values

LOGIN = ReleaseLogin("ACCESSKEY", SecretStr("secret-Key-of-s3"))
S3 = {"endpoint": "https://s3.example.com", "credentialsSecretRef": {"name": "s3"}}


def s3_images(version: str = "1.19.1", **s3: Any) -> Tree:
    images: Tree = values(version, storage={"s3": {**S3, **s3}}, storage_login=LOGIN)["persistence"][
        "imageChartStorage"
    ]
    return images


def chart_of(version: str, storage: Tree) -> ChartSupport | Blocked:
    wanted = registry(version, storage=storage)
    assert wanted.spec.release
    return select_chart(wanted, wanted.spec.release)


def test_a_new_chart_reads_the_keys_from_the_secret() -> None:
    assert s3_images() == {
        "type": "s3",
        "disableredirect": True,
        "caBundleSecretName": "hreg-cr-ca-bundle",
        "s3": {
            "region": "us-east-1",
            "regionendpoint": "https://s3.example.com",
            "bucket": "harbor",
            "secure": True,
            "v4auth": True,
            "chunksize": "10485760",
            "storageclass": "STANDARD",
            "existingSecret": "hreg-cr-storage-login",
        },
    }


@pytest.mark.parametrize("minor", range(2, 20))
def test_every_key_is_one_of_the_chart_and_no_secret_is_shown(minor: int) -> None:
    options = {"rootDirectory": "team/a", "encryption": {"kmsKeyId": "key-1"}, "redirect": True}
    images = s3_images(f"1.{minor}.0", **options)

    known = chart_keys(minor)
    paths = [("persistence", "imageChartStorage", *path) for path, _ in leaves(images)]
    assert [path for path in paths if unknown_key(path, known)] == []
    assert "secret-Key-of-s3" not in repr(images)


@pytest.mark.parametrize("minor", [9, 10])
def test_an_old_chart_gets_the_keys_as_values(minor: int) -> None:
    """Chart 1.10 has `existingSecret`, but its registry controller, which collects garbage, does not read it."""
    made = s3_images(f"1.{minor}.0")["s3"]
    assert "existingSecret" not in made
    assert (made["accesskey"], made["secretkey"]) == (SecretStr("ACCESSKEY"), SecretStr("secret-Key-of-s3"))


def test_options_are_passed_on() -> None:
    made = s3_images(
        endpoint="http://s3.example.com:8080",
        rootDirectory="team/a",
        chunkSizeMiB=64,
        redirect=True,
        encryption={"kmsKeyId": "key-1"},
        storageClass="NONE",
    )
    assert made["disableredirect"] is False
    expected = {"secure": False, "rootdirectory": "/team/a", "encrypt": True, "keyid": "key-1", "storageclass": "NONE"}
    assert expected.items() <= made["s3"].items()
    assert made["s3"]["chunksize"] == "67108864"


def test_encryption_with_the_keys_of_the_store_names_none() -> None:
    made = s3_images(encryption={})["s3"]
    assert made["encrypt"] is True
    assert "keyid" not in made


def test_a_bucket_needs_no_volume() -> None:
    made = values(storage={"s3": S3}, storage_login=LOGIN)
    assert made["updateStrategy"] == {"type": "RollingUpdate"}
    assert "persistentVolumeClaim" not in made["persistence"]


@pytest.mark.parametrize("key", ["accesskey", "secretkey"])
def test_keys_in_the_values_are_refused(key: str) -> None:
    user = {"persistence": {"imageChartStorage": {"s3": {key: "x"}}}}
    assert "spec.storage.s3.credentialsSecretRef" in refused(user, storage={"s3": S3}, storage_login=LOGIN).message


def test_the_registry_restarts_with_other_keys() -> None:
    other = ReleaseLogin("ACCESSKEY", SecretStr("another-Key"))
    before, after = (values(storage={"s3": S3}, storage_login=login) for login in (LOGIN, other))
    assert before["registry"]["podAnnotations"] != after["registry"]["podAnnotations"]
    assert shown(before["core"]) == shown(after["core"])


def test_a_key_that_an_old_chart_does_not_pass_on_is_refused() -> None:
    storage = {"s3": {**S3, "encryption": {"kmsKeyId": "key-1"}}}
    old, new = (chart_of(version, storage) for version in ("1.3.0", "1.4.0"))
    assert isinstance(old, Blocked)
    assert "`spec.storage.s3.encryption.kmsKeyId`" in old.message
    assert not isinstance(new, Blocked)


@pytest.mark.parametrize("minor", range(2, 20))
def test_a_registry_with_an_identity_gets_no_key_and_no_secret(minor: int) -> None:
    storage = {"s3": {"endpoint": "https://s3.example.com", "ambientIdentity": {}}}
    made = values(f"1.{minor}.0", storage=storage, storage_login=None)["persistence"]["imageChartStorage"]
    assert made["type"] == "s3"
    assert {"accesskey", "secretkey", "existingSecret"}.isdisjoint(made["s3"])
    assert made["s3"]["bucket"] == "harbor"
