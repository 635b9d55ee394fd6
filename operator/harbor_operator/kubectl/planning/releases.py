"""The Helm release: what Helm would be started with, compared with what runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from typing_extensions import override

from harbor_operator.api.chart_source import is_remote
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.kubectl.plan import Action
from harbor_operator.kubectl.planning.recorder import Recorder
from harbor_operator.kubectl.planning.values import values_diff
from harbor_operator.model.release import DesiredRelease, ListedObject, Progress, RunResult, StoredRelease
from harbor_operator.plan import names
from harbor_operator.plan.helm_storage import current_selector, read_revisions, revision_secret
from harbor_operator.ports.helm import Helm
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.steps.release_payload import read_stored


class PlannedHelm(Helm):
    """A Helm that does not run; `desired` is the release that it would install or upgrade."""

    def __init__(self) -> None:
        self.desired: DesiredRelease | None = None

    @override
    async def start_upgrade(self, desired: DesiredRelease) -> None:
        self.desired = desired

    @override
    async def start_uninstall(self, namespace: str, name: str, service_account: str, timeout_seconds: int) -> None:
        raise NotImplementedError("a plan uninstalls nothing")

    @override
    async def find_unreadable(
        self, namespace: str, service_account: str, objects: Sequence[ListedObject]
    ) -> ListedObject | None:
        return None  # needs a token of the service account

    @override
    def running(self, namespace: str, name: str) -> Progress | None:
        return None

    @override
    def result(self, namespace: str, name: str) -> RunResult | None:
        return None


async def record_release(
    kube: NamespaceResources, registry: HarborRegistry, desired: DesiredRelease, recorder: Recorder
) -> Action:
    """Records the installation or the upgrade with the diff of its values, and returns which of them it is."""
    stored = await _read_running(kube, registry)
    action = Action.CHANGE if stored else Action.CREATE
    recorder.record(action, f"Helm release '{desired.namespace}/{desired.name}'", _details(desired, stored))
    return action


async def _read_running(kube: NamespaceResources, registry: HarborRegistry) -> StoredRelease | None:
    name = names.release(registry)
    secrets = await kube.read_secrets(registry.metadata.namespace, current_selector(name))
    revisions = read_revisions((secret.name, secret.labels) for secret in secrets)
    if not revisions or revisions[-1].status == "uninstalled":
        return None
    deployed = [revision for revision in revisions if revision.status == "deployed"]
    chosen = revision_secret(name, (deployed or revisions)[-1].number)
    return await read_stored(next(secret for secret in secrets if secret.name == chosen))


def _details(desired: DesiredRelease, stored: StoredRelease | None) -> Iterator[str]:
    before = f"{stored.chart_version} -> " if stored and stored.chart_version != desired.version else ""
    source = f" from {desired.repository}" if desired.repository and is_remote(desired.chart) else ""
    yield f"{'upgrade' if stored else 'install'} with chart '{desired.chart}' {before}{desired.version}{source}"
    diff = [*values_diff(desired.values, stored.config if stored else {}, desired.secrets)]
    yield from diff or ["values: no difference"]
