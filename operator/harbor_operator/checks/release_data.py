"""Checks that a release finds the data and the keys of the Harbor that ran before it.

Harbor starts on an empty database or volume without an error, and with a new key it cannot decrypt what it stored. So
each change that would separate Harbor from its data is refused before Helm runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from harbor_operator.api.addresses import join_host_port
from harbor_operator.api.charts import version_numbers
from harbor_operator.model.chart_names import chart_name, full_name
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.release import GeneratedSecret, StoredRelease
from harbor_operator.reasons import Reason

SECRET_KEY_LENGTH = 16
KEY_DIGEST_KEY = "SECRET_KEY_DIGEST"
"""Key beside the generated secrets: the digest of the `secretKey`, recorded before Helm first runs with it."""

_DATABASE_VOLUME_PATHS = tuple(
    f"persistence.persistentVolumeClaim.database.{key}" for key in ("existingClaim", "subPath")
)
_IMAGE_VOLUME_PATHS = tuple(f"persistence.persistentVolumeClaim.registry.{key}" for key in ("existingClaim", "subPath"))


def key_digest(key: SecretStr) -> str:
    """Returns the digest by which a changed `secretKey` is found; it is stored beside the key, and nowhere else."""
    return hashlib.sha256(key.get_secret_value().encode()).hexdigest()


def check_used_key(
    given: SecretStr | None, stored: SecretStr | None, used: str, field: str, generated: str
) -> Blocked | None:
    """Returns that the key is not the one that Harbor used; `used` is its digest, empty if none is recorded.

    It is the stored key, or without one the key `given` in the reference whose path is `field`. A key of another length
    is damaged and not exchanged: see `check_secret_key`.
    """
    key = given if stored is None else stored
    if key is None or len(key.get_secret_value()) != SECRET_KEY_LENGTH:
        return None
    if not used or key_digest(key) == used:
        return None
    if stored is None:
        what, remedy = f"the key that `{field}` names", f"name a Secret with the old key in `{field}`"
    else:
        what, remedy = f"key '{GeneratedSecret.SECRET_KEY}' of Secret '{generated}'", "put the old key back"
    return Blocked(
        Reason.SECRET_KEY_CHANGED,
        f"{what} is not the one with which Harbor encrypts what it stores, and Harbor cannot change it: {remedy}. A"
        f" backup of Secret '{generated}' has the old key, and a core pod that has not restarted since has it in the"
        " file '/etc/core/key'. Only if the database is empty, or was replaced by one that belongs to the new key,"
        f" remove '{KEY_DIGEST_KEY}' from Secret '{generated}' instead",
    )


def check_secret_key(given: SecretStr | None, stored: SecretStr | None, field: str, generated: str) -> Blocked | None:
    """Returns why the referenced key, or the stored one, cannot be Harbor's; `field` is the path of the reference."""
    if given is not None and len(given.get_secret_value()) != SECRET_KEY_LENGTH:
        return Blocked(
            Reason.SECRET_INVALID,
            f"the key that `{field}` names has {len(given.get_secret_value())} characters and Harbor's has"
            f" {SECRET_KEY_LENGTH}: copy the old key without a line break at its end",
        )
    if stored is not None and len(stored.get_secret_value()) != SECRET_KEY_LENGTH:
        return Blocked(
            Reason.SECRET_INVALID,
            f"key '{GeneratedSecret.SECRET_KEY}' of Secret '{generated}' has {len(stored.get_secret_value())}"
            f" characters and Harbor's has {SECRET_KEY_LENGTH}: restore the Secret from a backup",
        )
    if given is not None and stored is not None and given.get_secret_value() != stored.get_secret_value():
        return Blocked(
            Reason.SECRET_INVALID,
            f"`{field}` names another key than the one that Secret '{generated}' contains, and Harbor cannot change its"
            f" key: remove `{field}`, or, if Harbor never ran with the stored key, replace it there and remove"
            f" '{KEY_DIGEST_KEY}' from that Secret",
        )
    return None


def missing_secrets(missing: Sequence[str], secret: str, labels: Mapping[str, str], evidence: str) -> Blocked:
    """Returns the refusal to generate secrets again that the data of an earlier Harbor depends on."""
    keys = " and ".join(f"'{key}'" for key in missing)
    marks = ", ".join(f"{key}={value}" for key, value in labels.items())
    return Blocked(
        Reason.GENERATED_SECRETS_MISSING,
        f"Secret '{secret}' has no key {keys}, and {evidence}: with new values, Harbor could not read what it stored."
        f" Restore the Secret with its labels ({marks}) from a backup, or put the old key ({SECRET_KEY_LENGTH}"
        " characters; a running core pod has it in the file '/etc/core/key') into a Secret and name it in"
        " `spec.release.secretKeyRef`",
    )


def other_release(existing: str, desired: str, *, is_deployed: bool) -> Blocked:
    """Returns the refusal to install a second release for one registry."""
    what = (
        f"Helm release '{existing}' of this registry still exists"
        if is_deployed
        else f"the volumes of this registry belong to Helm release '{existing}'"
    )
    return Blocked(
        Reason.RELEASE_NAME_CHANGED,
        f"{what} and the spec now asks for '{desired}', which would start without its data: remove `spec.release` and"
        f" add it again with `spec.release.name` '{existing}', or create another HarborRegistry for a second Harbor",
    )


def check_object_names(release: str, stored: StoredRelease, version: str, desired: Mapping[str, Any]) -> Blocked | None:
    """Returns why chart `version` with the desired values would rename the objects of a deployed release.

    A changed `nameOverride` is refused as well if the names stay: it changes the selectors of the workloads, which
    Kubernetes does not allow.
    """
    old_minor, new_minor = version_numbers(stored.chart_version)[1], version_numbers(version)[1]
    old = full_name(release, old_minor, stored.config)
    new = full_name(release, new_minor, desired)
    if chart_name(stored.config) != chart_name(desired):
        return _renamed_by_value("nameOverride")
    if old == new:
        return None
    if full_name(release, new_minor, stored.config) == old:
        return _renamed_by_value("fullnameOverride")
    return Blocked(
        Reason.RELEASE_NAME_CHANGED,
        f"the names of all objects of the release, volumes included, begin with '{old}', and chart '{version}' would"
        f" create others that begin with '{new}', without the data: set chart value `fullnameOverride` to '{old}' in"
        " `spec.release.values`",
    )


def _renamed_by_value(changed: str) -> Blocked:
    return Blocked(
        Reason.RELEASE_NAME_CHANGED,
        f"chart value `{changed}` differs from the deployed release, and the chart would create volumes and services"
        f" of other names, without the data: set `{changed}` back, or create another HarborRegistry for a second"
        " Harbor",
    )


def check_storage(stored: Mapping[str, Any], desired: Mapping[str, Any]) -> Blocked | None:
    """Returns why one storage must not follow another in chart values: the registry would not find its images."""
    old, new = _storage(stored), _storage(desired)
    if old == new:
        return None
    # A migration reads Swift or S3, and its target is S3.
    can_migrate = old[0] in {"swift", "s3"} and new[0] == "s3"
    way = "with `spec.storage.migration`, or into a second registry" if can_migrate else "into a second registry"
    back = f"set `spec.storage` back; to move the images, copy them {way}"
    if old[0] != new[0]:
        message = (
            f"the release stores images with '{old[0]}' and `spec.storage` now says '{new[0]}', whose driver would not"
            f" find them: {back}"
        )
    else:
        message = (
            f"the release stores images in bucket '{'/'.join(old[1:]).rstrip('/')}' and `spec.storage` now names bucket"
            f" '{'/'.join(new[1:]).rstrip('/')}', which does not have them: {back}"
        )
    return Blocked(Reason.STORAGE_TYPE_CHANGED, message)


def _storage(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the driver in chart values and, for S3, bucket and folder; an endpoint can have several addresses."""
    images = _at(values, "persistence.imageChartStorage") or {}
    driver = str(images.get("type", "filesystem"))
    if driver != "s3":
        return (driver,)
    s3 = images.get("s3") or {}
    return driver, str(s3.get("bucket", "")), str(s3.get("rootdirectory") or "").strip("/")


def check_volumes(stored: Mapping[str, Any], desired: Mapping[str, Any]) -> Blocked | None:
    """Returns which value would start a deployed Harbor on another volume; servers outside the chart do not count."""
    uses_database_volume = not database_location(desired)
    uses_image_volume = images_in_volume(desired)
    paths = (_DATABASE_VOLUME_PATHS if uses_database_volume else ()) + (
        _IMAGE_VOLUME_PATHS if uses_image_volume else ()
    )
    changed = _changed(stored, desired, paths)
    if not changed and paths and _at(desired, "persistence.enabled") is False:
        changed = _changed(stored, desired, ("persistence.enabled",))
    if not changed:
        return None
    return Blocked(
        Reason.VOLUME_CHANGED,
        f"chart value `{changed}` differs from the deployed release, and Harbor would start without the data of its"
        f" volume: set `{changed}` back, or copy the data into a new HarborRegistry",
    )


def database_location(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns host, port and name of the external database in chart values; empty for the chart's own database."""
    if _at(values, "database.type") != "external":
        return ()
    return tuple(str(_at(values, f"database.external.{key}")) for key in ("host", "port", "coreDatabase"))


def images_in_volume(values: Mapping[str, Any]) -> bool:
    """Returns whether the chart stores the images in a volume."""
    return (_at(values, "persistence.imageChartStorage.type") or "filesystem") == "filesystem"


def database_changed(stored: Sequence[str], desired: Sequence[str]) -> Blocked:
    """Returns the refusal to start a Harbor that has been deployed on a database without its tables."""
    old = _describe_location(stored)
    if not desired:
        return Blocked(
            Reason.DATABASE_CHANGED,
            f"the release uses {old} and the spec has no `spec.database`: the chart would start Harbor on an empty"
            " database; set `spec.database` as it was",
        )
    return Blocked(
        Reason.DATABASE_CHANGED,
        f"the release uses {old}, and {_describe_location(desired)} of `spec.database` has no table of Harbor: set"
        " `spec.database` back; to move, set `spec.suspend` to true, restore a dump into the new database, and set it"
        " to false",
    )


def _describe_location(location: Sequence[str]) -> str:
    if not location:
        return "the database of the chart"
    host, port, name = location
    return f"database '{name}' at '{join_host_port(host, port)}'"


def _changed(stored: Mapping[str, Any], desired: Mapping[str, Any], paths: Sequence[str]) -> str:
    """Returns the first path whose value differs; absent and empty are the same."""
    return next((path for path in paths if (_at(stored, path) or "") != (_at(desired, path) or "")), "")


def _at(values: Any, path: str) -> Any:
    for key in path.split("."):
        values = values.get(key) if isinstance(values, Mapping) else None
    return values
