"""Sections `persistence` and `updateStrategy`: where the images are stored, and which volumes that needs."""

from __future__ import annotations

import base64

from pydantic import SecretStr

from harbor_operator.api.backends import Filesystem, Swift
from harbor_operator.api.charts import Feature
from harbor_operator.api.s3 import S3
from harbor_operator.api.storage_driver import (
    SWIFT_TEXTS,
    TEMP_URL_METHODS,
    WORKLOAD_IDENTITY,
    DriverName,
    StorageDriver,
)
from harbor_operator.api.v1alpha1 import DeletionPolicy
from harbor_operator.model.release import Tree
from harbor_operator.plan import names
from harbor_operator.plan.registry_text import chart_text, registry_variable
from harbor_operator.plan.values.inputs import Inputs

_MIB = 1024 * 1024


def storage_values(inputs: Inputs) -> Tree:
    """Returns the storage driver's settings; a volume of the registry only if it stores the images."""
    storage = inputs.registry.spec.storage
    filesystem = storage.filesystem if storage else None
    images: Tree = {"type": "filesystem", "disableredirect": True}
    if storage and storage.swift:
        images |= {"type": "swift", "swift": _swift_values(inputs, storage.swift)}
    if storage and storage.s3:
        s3 = storage.s3
        images |= {"type": "s3", "s3": _s3_values(inputs, s3), "disableredirect": not s3.redirect}
    if storage and storage.driver:
        images |= {"type": str(storage.driver.name), str(storage.driver.name): _driver_values(inputs, storage.driver)}
    if inputs.release_secrets.ca_bundle:
        images["caBundleSecretName"] = names.ca_secret(inputs.registry)
    return {"persistence": {"imageChartStorage": images, **_volume_values(inputs, filesystem)}}


def storage_defaults(inputs: Inputs) -> Tree:
    """Returns how pods that share a volume are replaced, and that the chart may use volumes."""
    storage = inputs.registry.spec.storage
    volume = storage is None or storage.filesystem is not None
    values: Tree = {"persistence": {"enabled": True}}
    if inputs.chart.supports(Feature.UPDATE_STRATEGY):
        values["updateStrategy"] = {"type": "Recreate" if volume else "RollingUpdate"}
    return values


def _swift_values(inputs: Inputs, swift: Swift) -> Tree:
    login = inputs.release_secrets.storage_login
    values: Tree = {
        "authurl": swift.auth_url,
        "username": chart_text(login.username) if login else "",
        "container": chart_text(swift.container),
        # Without it the driver guesses the version from the URL, and a "v3" in a host name is enough to mislead it.
        "authversion": 1,
        # A number would be printed by Helm as 2.097152e+07.
        "chunksize": str(swift.chunk_size_mib * _MIB),
    }
    if inputs.chart.supports(Feature.SWIFT_SECRET):
        values["existingSecret"] = names.storage_secret(inputs.registry)
    elif login:
        values["password"] = registry_variable(login.password)
    return values


def _s3_values(inputs: Inputs, s3: S3) -> Tree:
    login = inputs.release_secrets.storage_login
    values: Tree = {
        "region": s3.region,
        "regionendpoint": s3.endpoint,
        "bucket": s3.bucket,
        "secure": s3.endpoint.startswith("https:"),
        "v4auth": True,
        "chunksize": str(s3.chunk_size_mib * _MIB),
        "storageclass": s3.storage_class,
    }
    if s3.root_directory:
        values["rootdirectory"] = f"/{s3.root_directory}"
    if s3.encryption:
        values["encrypt"] = True
        if s3.encryption.kms_key_id:
            values["keyid"] = s3.encryption.kms_key_id
    if s3.credentials_secret_ref is None:
        return values
    if inputs.chart.supports(Feature.S3_SECRET):
        values["existingSecret"] = names.storage_secret(inputs.registry)
    elif login:
        keys = SecretStr(login.username), login.password
        values |= dict(zip(("accesskey", "secretkey"), map(registry_variable, keys), strict=True))
    return values


def _driver_values(inputs: Inputs, driver: StorageDriver) -> Tree:
    # The template prints a text as it is, but tests this one value: every text would be true.
    values: Tree = {name: value for name, value in driver.parameters.items() if name != WORKLOAD_IDENTITY}
    if driver.name is DriverName.SWIFT:
        # The other drivers take a number as its text; this one panics.
        values |= {name: chart_text(driver.parameters[name]) for name in SWIFT_TEXTS if name in driver.parameters}
    if TEMP_URL_METHODS in values:
        # A list of the values would be printed without commas, as one method; the driver refuses a text.
        values[TEMP_URL_METHODS] = f"[{values[TEMP_URL_METHODS]}]"
    if driver.uses_workload_identity:
        values[WORKLOAD_IDENTITY] = True
    credential = inputs.release_secrets.driver_credential
    if credential and inputs.chart.supports(driver.support.existing_secret):
        values["existingSecret"] = names.storage_secret(inputs.registry)
    elif credential:
        values |= {driver.support.credential[key]: _as_value(driver.name, value) for key, value in credential.items()}
    return values


def _as_value(name: DriverName, secret: SecretStr) -> SecretStr:
    """Returns a credential as old charts take it: the JSON key of Google in base64, others for a variable."""
    if name is not DriverName.GCS:
        return registry_variable(secret)
    return SecretStr(base64.b64encode(secret.get_secret_value().encode()).decode())


def _volume_values(inputs: Inputs, filesystem: Filesystem | None) -> Tree:
    if filesystem is None:
        return {}
    claim: Tree = {"size": filesystem.size}
    if filesystem.storage_class_name:
        claim["storageClass"] = filesystem.storage_class_name
    keep = inputs.registry.spec.deletion_policy.storage is DeletionPolicy.RETAIN
    return {
        "enabled": True,
        "resourcePolicy": "keep" if keep else "",
        "persistentVolumeClaim": {"registry": claim},
    }
