"""A deletion: the registry as far as an invalid spec describes it, and what remains when its teardown is abandoned."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal

from pydantic import ValidationError

from harbor_operator.api.v1alpha1 import DeletionPolicy, HarborRegistry, HarborRegistrySpec, Metadata, PreviousStatus
from harbor_operator.checks.storage_migration import bucket_place
from harbor_operator.model.outcomes import ConditionType
from harbor_operator.plan import names
from harbor_operator.plan.database import plan_database
from harbor_operator.plan.storage import plan_driver

UNKNOWN_URL = "https://invalid.invalid"
"""In place of an `externalURL` that does not parse; the name never resolves (RFC 6761)."""


def salvage(body: Mapping[str, Any], cluster: str = "") -> HarborRegistry:
    """Returns a registry with an invalid spec for its teardown: the sections that parse, and the status.

    The release and the data are retained: the spec is no reliable order to delete them. The pull Secrets are removed
    as the status describes them, unless the deletion policy retains them.
    """
    given = body.get("spec")
    spec = dict(given) if isinstance(given, Mapping) else {}
    policies = spec.get("deletionPolicy")
    wanted = policies.get("pullSecrets") if isinstance(policies, Mapping) else None
    spec["deletionPolicy"] = dict.fromkeys(("release", "database", "storage"), DeletionPolicy.RETAIN)
    spec["deletionPolicy"]["pullSecrets"] = wanted if wanted == DeletionPolicy.RETAIN else DeletionPolicy.DELETE
    spec["suspend"] = False
    return HarborRegistry(
        metadata=Metadata.parse(body["metadata"], cluster), spec=_valid_part(spec), observed=_valid_status(body)
    )


def why_retained(registry: HarborRegistry, data: Literal["database", "storage"]) -> str:
    """Returns which field of the spec retains this data when the registry is deleted; empty if it is removed.

    A retained release still uses its database and its images.
    """
    policies = registry.spec.deletion_policy
    if getattr(policies, data) is DeletionPolicy.RETAIN:
        return f"`spec.deletionPolicy.{data}` is 'Retain'"
    if registry.spec.release and policies.release is DeletionPolicy.RETAIN:
        return "`spec.deletionPolicy.release` is 'Retain', and the release uses it"
    return ""


def describe_remains(registry: HarborRegistry, conditions: Collection[ConditionType]) -> str:
    """Returns what can remain of a registry without the teardown of these conditions."""
    return "; ".join(text for condition_type, text in _remains(registry) if condition_type in conditions)


def _valid_part(spec: dict[str, Any]) -> HarborRegistrySpec:
    try:
        return HarborRegistrySpec.parse(spec)
    except ValidationError as error:
        invalid = {str(item["loc"][0]) for item in error.errors() if item["loc"]}
    kept = {key: value for key, value in spec.items() if key not in invalid}
    try:
        return HarborRegistrySpec.parse({"externalURL": UNKNOWN_URL} | kept)
    except ValidationError:
        return HarborRegistrySpec.parse({"externalURL": UNKNOWN_URL, "deletionPolicy": spec["deletionPolicy"]})


def _valid_status(body: Mapping[str, Any]) -> PreviousStatus:
    try:
        return PreviousStatus.parse(body)
    except ValidationError:
        return PreviousStatus()


def _remains(registry: HarborRegistry) -> Iterator[tuple[ConditionType, str]]:
    spec, observed, namespace = registry.spec, registry.observed, registry.metadata.namespace
    if secret := observed.secret_name or (spec.pull_secrets.secret_name if spec.pull_secrets else ""):
        label = f"{names.REGISTRY_UID}={registry.metadata.uid}"
        yield (
            ConditionType.PULL_SECRETS,
            f"Secrets '{secret}' with the label '{label}' in all namespaces, and references to them",
        )
    if observed.admission_policy:
        yield ConditionType.PULL_SECRETS, f"MutatingAdmissionPolicy '{observed.admission_policy}' and its binding"
    if observed.robot or (spec.pull_secrets and spec.pull_secrets.credential.robot):
        yield ConditionType.PULL_SECRETS, f"robots '{names.robot(registry)}*' in Harbor"
    if spec.release:
        yield ConditionType.RELEASE, f"Helm release '{names.release(registry)}' in namespace '{namespace}'"
    if spec.database:
        desired = plan_database(registry)
        databases = ", ".join(f"'{database.name}'" for database in desired.databases)
        role = f"role '{desired.role}' (an earlier version named it '{names.earlier_database_role(registry)}')"
        yield ConditionType.DATABASE, f"databases {databases} and {role} on '{spec.database.host}'"
    if spec.storage and spec.storage.swift:
        yield ConditionType.STORAGE, f"container '{spec.storage.swift.container}' at '{spec.storage.swift.auth_url}'"
    if spec.storage and spec.storage.s3:
        yield ConditionType.STORAGE, f"bucket '{spec.storage.s3.bucket}' at '{spec.storage.s3.endpoint}'"
    if spec.storage and spec.storage.migration:
        yield ConditionType.STORAGE, f"what a migration has copied to {bucket_place(spec.storage.migration.to.s3)}"
    if spec.storage and spec.storage.driver:
        driver = plan_driver(spec.storage.driver)
        yield ConditionType.STORAGE, f"images of driver '{driver.name}' ({driver.place})"
    yield ConditionType.RELEASE, f"Secrets 'hreg-{registry.metadata.name}-*' in namespace '{namespace}'"
