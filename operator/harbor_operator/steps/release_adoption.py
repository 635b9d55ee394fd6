"""Takes over a Helm release that another client installed, as it is: `spec.release.adopt`.

Nothing is written before the spec names the plan. Then the secrets of the running Harbor are copied into the Secrets of
the registry, and the owner labels are written to the newest revision, at the version of the Secret that was read. Helm
does not run, so no object of the chart changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry, Release
from harbor_operator.checks.release import unreadable_release
from harbor_operator.checks.release_adoption import (
    adoption_planned,
    adoption_refused,
    check_locations,
    check_stored_release,
    describe_conflicts,
    describe_lost,
    flux_owner,
    no_release,
)
from harbor_operator.checks.release_data import other_release
from harbor_operator.model.kubernetes import StoredSecret
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.release import ObservedRelease, ReleaseSecrets, Revision, StoredRelease
from harbor_operator.model.release_adoption import TOKEN_PAIR_PATH, AdoptionPlan, SecretLocation
from harbor_operator.plan import names
from harbor_operator.plan.helm_manifest import listed_objects
from harbor_operator.plan.helm_storage import owned_selector, read_manifest
from harbor_operator.plan.release import plan_release, select_chart
from harbor_operator.plan.release_adoption import (
    ADMIN_PASSWORD,
    adoption_labels,
    compare_values,
    conflicting_secrets,
    effective_values,
    plan_adoption,
    secret_locations,
    with_adopted,
    without_published_pair,
)
from harbor_operator.ports.helm import Helm
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.steps.outcomes import BlockedError
from harbor_operator.steps.release_payload import read_stored
from harbor_operator.steps.release_rights import check_rights
from harbor_operator.steps.release_secrets import ReleaseSecretStore


@dataclass(frozen=True, slots=True)
class _Candidate:
    """The release to adopt; `secrets` are the names of the Secrets in its manifest, `helm_release` is Flux's."""

    newest: StoredSecret
    revision: Revision
    stored: StoredRelease
    secrets: tuple[str, ...]
    helm_release: str


class ReleaseAdoption:
    """Makes the newest revision of a release the registry's, once its plan is confirmed."""

    def __init__(self, kube: NamespaceResources, helm: Helm, release_secrets: ReleaseSecretStore) -> None:
        self._kube = kube
        self._helm = helm
        self._release_secrets = release_secrets

    async def reconcile(self, registry: HarborRegistry, release: Release, observed: ObservedRelease) -> Blocked | None:
        """Returns None once the release belongs to the registry; otherwise its plan, or all that is in its way."""
        name, namespace = names.release(registry), registry.metadata.namespace
        if observed.newest is None or observed.revisions[-1].status == "uninstalled":
            return no_release(name, namespace)
        candidate = await _read_candidate(observed.newest, observed.revisions[-1], namespace)
        owner = candidate.newest.labels.get(names.REGISTRY_NAME, "")
        if found := check_stored_release(candidate.stored, candidate.revision.status, owner, release.version):
            return adoption_refused(name, found)
        prepared = await self._prepare(registry, release, candidate)
        if isinstance(prepared, Blocked):
            return prepared
        secrets, plan = prepared
        if release.adoption_plan != plan.identifier:
            return adoption_planned(name, release.version, plan)
        return await self._take_over(registry, release, candidate, secrets)

    async def _prepare(
        self, registry: HarborRegistry, release: Release, candidate: _Candidate
    ) -> tuple[ReleaseSecrets, AdoptionPlan] | Blocked:
        """Returns the Secrets of the registry with the secrets of the release, and the plan; writes nothing."""
        chart = select_chart(registry, release)
        if isinstance(chart, Blocked):
            return chart
        found = await self._release_secrets.read(registry, release)
        if isinstance(found, Blocked):
            return found
        stored = candidate.stored
        values = effective_values(stored, stored.config)
        every = secret_locations(values, candidate.secrets, chart)
        locations = without_published_pair(every, values, stored.chart_version)
        if registry.spec.admin_password_secret_ref:
            del locations[ADMIN_PASSWORD]
        adopted = await self._read_secrets(registry.metadata.namespace, locations)
        secrets = with_adopted(found, adopted)
        desired = plan_release(registry, release, secrets)
        if isinstance(desired, Blocked):
            return desired
        # In a thread, as the payload above: a tenant controls its size.
        lost, replaced = await asyncio.to_thread(compare_values, stored, desired, chart)
        findings = [
            *check_locations(locations, adopted),
            *describe_conflicts(conflicting_secrets(found, adopted), names.generated_secrets(registry)),
            *describe_lost(lost),
        ]
        if findings:
            return adoption_refused(desired.name, findings)
        if locations.keys() != every.keys():
            replaced = sorted({*replaced, TOKEN_PAIR_PATH})
        used = {location.secret for location in locations.values()}
        return secrets, plan_adoption(desired, candidate.revision, used, replaced, candidate.helm_release)

    async def _take_over(
        self, registry: HarborRegistry, release: Release, candidate: _Candidate, secrets: ReleaseSecrets
    ) -> Blocked | None:
        """Stores the secrets, and then the owner labels at the version of the revision that was read."""
        namespace, newest = registry.metadata.namespace, candidate.newest
        owned = await self._kube.read_secrets(namespace, owned_selector(names.owner_labels(registry)))
        if others := {secret.labels.get("name", "") for secret in owned}:
            return other_release(min(others), names.release(registry), is_deployed=True)
        if blocked := await check_rights(self._helm, namespace, release.service_account_name, newest):
            return blocked
        desired = plan_release(registry, release, await self._release_secrets.ensure(registry, release, secrets))
        if isinstance(desired, Blocked):
            return desired
        patch = {"metadata": {"labels": adoption_labels(desired, candidate.revision)}}
        await self._kube.patch_secret(namespace, newest.name, patch, newest.resource_version)
        return None

    async def _read_secrets(self, namespace: str, locations: Mapping[str, SecretLocation]) -> dict[str, SecretStr]:
        """Returns the values that exist."""
        found = {}
        for target, location in locations.items():
            secret = await self._kube.read_secret(namespace, location.secret) if location.secret else None
            if secret and location.key in secret.values:
                found[target] = secret.values[location.key]
        return found


async def _read_candidate(newest: StoredSecret, revision: Revision, namespace: str) -> _Candidate:
    stored = await read_stored(newest)
    try:
        objects = await asyncio.to_thread(listed_objects, newest.values["release"], namespace)
        manifest = await asyncio.to_thread(read_manifest, newest.values["release"])
    except (KeyError, TypeError, ValueError) as error:
        raise BlockedError(unreadable_release(newest.name)) from error
    secrets = tuple(listed.name for listed in objects if listed.kind == "Secret")
    return _Candidate(newest, revision, stored, secrets, flux_owner(manifest))
