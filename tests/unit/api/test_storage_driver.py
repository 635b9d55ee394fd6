from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from harbor_operator.api.chart_keys import chart_keys
from harbor_operator.api.charts import CHARTS
from harbor_operator.api.storage_driver import DRIVERS, DriverName, StorageDriver
from tests.fakes.release import registry
from tests.fakes.storage_driver import AZURE, GCS, KEYSTONE, OSS, S3, VALID


@pytest.mark.parametrize("name", DriverName)
def test_the_table_has_every_key_of_the_chart(name: DriverName) -> None:
    support = DRIVERS[name]
    read = {key for chart in CHARTS for key in _section(chart.minor, name)} - {"existingSecret"}
    credentials = set(support.credential.values())
    # The two keys of Swift beside the password belong to no login that the driver documents.
    others = {"secretkey", "accesskey"} if name is DriverName.SWIFT else set()
    assert set(support.parameters) == read - credentials - others
    assert credentials <= read


@pytest.mark.parametrize("name", DriverName)
def test_the_chart_has_an_existing_secret_from_the_minor_of_the_feature(name: DriverName) -> None:
    feature = DRIVERS[name].existing_secret
    assert all("existingSecret" in _section(chart.minor, name) for chart in CHARTS if chart.supports(feature))


def _section(minor: int, name: DriverName) -> dict[str, Any]:
    section: dict[str, Any] = chart_keys(minor)["persistence"]["imageChartStorage"][name]
    return section


@pytest.mark.parametrize("driver", VALID.values(), ids=VALID.keys())
def test_a_complete_driver_is_accepted(driver: dict[str, Any]) -> None:
    assert StorageDriver.model_validate(driver).parameters == driver["parameters"]


def changed(driver: dict[str, Any], **parameters: str) -> dict[str, Any]:
    return {**driver, "parameters": {**driver["parameters"], **parameters}}


@pytest.mark.parametrize(
    ("driver", "message"),
    [
        (changed(AZURE, acountname="x"), "did you mean `accountname`?"),
        (changed(AZURE, other="x"), "must contain `accountname`, `container` and can contain `realm`"),
        (changed(AZURE, accountkey="x"), "`parameters.accountkey` belongs into the Secret of `secretRef`"),
        (changed(AZURE, existingSecret="x"), "belongs into the Secret of `secretRef`"),
        ({**AZURE, "parameters": {"accountname": "x"}}, "must contain `accountname`, `container`"),
        ({"name": "azure", "parameters": AZURE["parameters"]}, "with the key AZURE_STORAGE_ACCESS_KEY"),
        (changed(GCS, chunksize="5M"), "`parameters.chunksize` must be a number of bytes"),
        (changed(GCS, chunksize="262143"), "for driver 'gcs' at least 262144, and a multiple of 262144"),
        (changed(GCS, chunksize="300000"), "for driver 'gcs' at least 262144, and a multiple of 262144"),
        (changed(OSS, chunksize="1048576"), "for driver 'oss' at least 5242880"),
        (changed(S3, chunksize="1048576"), "for driver 's3' at least 5242880"),
        (changed(S3, multipartcopychunksize="32M"), "`parameters.multipartcopychunksize` must be a number of bytes"),
        (changed(S3, multipartcopymaxconcurrency="0"), "must be a number: for driver 's3' at least 1"),
        (changed(S3, multipartcopythresholdsize="x"), "must be a number of bytes: for driver 's3' at least 0"),
        (changed(KEYSTONE, chunksize="1048575"), "for driver 'swift' at least 1048576"),
        (changed(AZURE, accountname="Images"), "Azure accepts 3 to 24 lower-case letters and digits"),
        (changed(AZURE, container="Images"), "Azure accepts 3 to 24 lower-case letters and digits"),
        (changed(AZURE, container="a--b"), "and 3 to 63 lower-case letters, digits and single hyphens"),
        (changed(GCS, useWorkloadIdentity="yes"), "must be 'true' or 'false'"),
        (changed(GCS, useWorkloadIdentity="true"), "exactly one of `secretRef` and"),
        ({"name": "gcs", "parameters": {"bucket": "images"}}, "exactly one of `secretRef` and"),
        (changed(AZURE, realm="a\nb"), "String should match pattern"),
        (changed(AZURE, realm="a #b"), "String should match pattern"),
        (changed(AZURE, realm="a:"), "String should match pattern"),
        (changed(KEYSTONE, tempurlmethods="GET PUT"), "String should match pattern"),
        (changed(KEYSTONE, tempurlmethods="get"), "must be methods with commas between them"),
        (changed(KEYSTONE, tempurlmethods="GET,,PUT"), "must be methods with commas between them"),
        ({**AZURE, "name": "filesystem"}, "Input should be"),
    ],
)
def test_a_driver_that_the_chart_would_not_configure_is_refused(driver: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as error:
        StorageDriver.model_validate(driver)
    assert message in str(error.value)


def test_a_driver_needs_the_chart_and_its_images_stay() -> None:
    with pytest.raises(ValidationError, match=r"`storage.driver` needs `release`"):
        registry(storage={"driver": AZURE}, release=None)
    with pytest.raises(ValidationError, match=r"`deletionPolicy.storage: Delete` is not possible"):
        registry(storage={"driver": AZURE}, deletionPolicy={"storage": "Delete"})
