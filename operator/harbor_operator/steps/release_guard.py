"""Keeps Harbor with its data: what the release step observes before it lets Helm run.

A new release, another database or a missing key is harmless until Harbor has run. Afterwards each of them separates
Harbor from its data, so this module looks for evidence of an earlier Harbor: in Helm's Secrets, in the status of the
registry, and in the database.
"""

from __future__ import annotations

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.release_data import (
    database_changed,
    database_location,
    images_in_volume,
    missing_secrets,
    other_release,
)
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.release import DesiredRelease, GeneratedSecret, ObservedRelease, ReleaseSecrets
from harbor_operator.plan import names
from harbor_operator.plan.helm_storage import owned_selector
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.steps.harbor_database import HarborDatabase


class ReleaseGuard:
    """Refuses a release that would start without the data or the keys of the Harbor before it; writes nothing."""

    def __init__(self, kube: NamespaceResources, database: HarborDatabase) -> None:
        self._kube = kube
        self._database = database

    async def check(
        self, registry: HarborRegistry, desired: DesiredRelease, secrets: ReleaseSecrets, observed: ObservedRelease
    ) -> Blocked | None:
        """Returns why Helm must not run, or None. Reads the database only if the answer depends on its content."""
        return (
            await self._check_name(registry, desired, secrets, observed)
            or await self._check_database(registry, desired, secrets, observed)
            or await self._check_generated(registry, secrets, observed)
        )

    async def _check_name(
        self, registry: HarborRegistry, desired: DesiredRelease, secrets: ReleaseSecrets, observed: ObservedRelease
    ) -> Blocked | None:
        if observed.revisions:
            return None
        owned = await self._kube.read_secrets(desired.namespace, owned_selector(names.owner_labels(registry)))
        others = {secret.labels.get("name", "") for secret in owned if secret.labels.get("status") != "uninstalled"}
        if others:
            return other_release(min(others), desired.name, is_deployed=True)
        keeps_volumes = not database_location(desired.values) or images_in_volume(desired.values)
        if keeps_volumes and secrets.release_name not in {"", desired.name}:
            return other_release(secrets.release_name, desired.name, is_deployed=False)
        return None

    async def _check_database(
        self, registry: HarborRegistry, desired: DesiredRelease, secrets: ReleaseSecrets, observed: ObservedRelease
    ) -> Blocked | None:
        if not observed.has_been_deployed or observed.stored is None:
            return None
        old, new = database_location(observed.stored.config), database_location(desired.values)
        if old == new or (new and await self._database.has_tables(registry, secrets)):
            return None
        return database_changed(old, new)

    async def _check_generated(
        self, registry: HarborRegistry, secrets: ReleaseSecrets, observed: ObservedRelease
    ) -> Blocked | None:
        # The loss of any other generated secret costs a restart and, at most, the open sessions of users.
        needed = [GeneratedSecret.SECRET_KEY]
        if registry.spec.database is None:
            needed.append(GeneratedSecret.INTERNAL_DATABASE)
        missing = [key for key in needed if not secrets.generated[key].get_secret_value()]
        if not missing:
            return None
        if evidence := await self._find_earlier_harbor(registry, secrets, observed):
            return missing_secrets(missing, names.generated_secrets(registry), names.owner_labels(registry), evidence)
        return None

    async def _find_earlier_harbor(
        self, registry: HarborRegistry, secrets: ReleaseSecrets, observed: ObservedRelease
    ) -> str:
        """Returns how Harbor is known to have run before, or an empty text."""
        if observed.has_been_deployed:
            return f"Helm release '{names.release(registry)}' has been deployed"
        if registry.observed.release_revision is not None:
            return "`status.releaseRevision` shows that the release has been deployed"
        if await self._database.has_tables(registry, secrets):
            return "the database of `spec.database` contains tables of Harbor"
        return ""
