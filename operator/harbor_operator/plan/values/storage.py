"""Sections `persistence` and `updateStrategy`: where the images are stored, and which volumes that needs."""

from __future__ import annotations

from harbor_operator.api.backends import Filesystem, Swift
from harbor_operator.api.charts import Feature
from harbor_operator.api.v1alpha1 import DeletionPolicy
from harbor_operator.model.release import Tree
from harbor_operator.plan import names
from harbor_operator.plan.values.inputs import Inputs

_MIB = 1024 * 1024


def storage_values(inputs: Inputs) -> Tree:
    """Returns the storage driver's settings; a volume of the registry only if it stores the images."""
    storage = inputs.registry.spec.storage
    swift, filesystem = (storage.swift, storage.filesystem) if storage else (None, None)
    images: Tree = {"type": "swift" if swift else "filesystem", "disableredirect": True}
    if swift:
        images["swift"] = _swift_values(inputs, swift)
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
        "username": login.username if login else "",
        "container": swift.container,
        # Without it the driver guesses the version from the URL, and a "v3" in a host name is enough to mislead it.
        "authversion": 1,
        # A number would be printed by Helm as 2.097152e+07.
        "chunksize": str(swift.chunk_size_mib * _MIB),
    }
    if inputs.chart.supports(Feature.SWIFT_SECRET):
        values["existingSecret"] = names.storage_secret(inputs.registry)
    elif login:
        values["password"] = login.password
    return values


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
