"""What was done with a release, kept beside its generated secrets, because no other object says it."""

from __future__ import annotations

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.release_data import KEY_DIGEST_KEY, database_location, key_digest
from harbor_operator.model.outcomes import Done, Outcome, Pending
from harbor_operator.model.release import DesiredRelease, GeneratedSecret, ObservedRelease, ReleaseSecrets
from harbor_operator.plan import names
from harbor_operator.plan.generated_secrets import (
    CERTIFICATE_KEY,
    CHART_VERSION_KEY,
    CORE_LOGIN_KEY,
    FIRST_CA_KEY,
    FIRST_CERTIFICATE_KEY,
    JOBSERVICE_LOGIN_KEY,
    RELEASE_NAME_KEY,
    SETTLED_LOGIN_KEY,
    ca_digest,
    certificate_digest,
    database_login_digest,
)
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.reasons import Reason
from harbor_operator.steps.own_secret import OwnSecret
from harbor_operator.steps.release_workloads import check_workloads

JOBSERVICE_REQUEUE_SECONDS = 0.5
_CERTIFICATE = "tls.crt"


class ReleaseRecords:
    """The records of one release, in the Secret with its generated values."""

    def __init__(self, kube: NamespaceResources) -> None:
        self._kube = kube
        self._stored = OwnSecret(kube, names.generated_secrets)

    async def record_deployed(self, registry: HarborRegistry, observed: ObservedRelease) -> None:
        """Records the chart that is deployed with its own database; a failed one has perhaps not migrated it."""
        stored, deployed = observed.stored, observed.facts.chart_version
        if stored and deployed and not database_location(stored.config):
            await self._record(registry, {CHART_VERSION_KEY: deployed})

    async def record_certificate(self, registry: HarborRegistry, secrets: ReleaseSecrets) -> None:
        """Records the certificate of the chart's nginx, before Helm can deploy it."""
        if digest := certificate_digest(secrets):
            await self._record(registry, {CERTIFICATE_KEY: digest})

    async def verify(self, registry: HarborRegistry, desired: DesiredRelease, observed: ObservedRelease) -> Outcome:
        """Returns Done once the workloads are ready with the desired login of the database.

        Core and the exporter read it when they start. Jobservice gets it from core when it starts (`Init` in Harbor's
        src/jobservice/job/impl/context.go): it starts again after core has the new one.
        """
        outcome = await check_workloads(self._kube, desired, observed)
        login = desired.database_login_digest
        if not isinstance(outcome, Done) or not login:
            return outcome
        stored = await self._stored.read(registry)
        before = stored.get(CORE_LOGIN_KEY)
        if before is None:
            await self._record(registry, {CORE_LOGIN_KEY: login})
        if before is None or before.get_secret_value() == login:
            if JOBSERVICE_LOGIN_KEY in stored:
                await self._record(registry, {SETTLED_LOGIN_KEY: login})
            return outcome
        await self._record(registry, {CORE_LOGIN_KEY: login, JOBSERVICE_LOGIN_KEY: login})
        message = (
            f"core of release '{desired.name}' has the new login of the database; jobservice, which gets it from core, "
            "starts again"
        )
        return Pending(Reason.RELEASE_UPGRADING, message, JOBSERVICE_REQUEUE_SECONDS, observed.facts)

    async def _record(self, registry: HarborRegistry, records: dict[str, str]) -> None:
        if await self._stored.read(registry):
            await self._stored.update(registry, {key: SecretStr(text) for key, text in records.items()})


def needed_records(secrets: ReleaseSecrets) -> set[str]:
    """Returns the keys of the records that a release has from its first installation on."""
    certificate = {FIRST_CERTIFICATE_KEY} if secrets.certificate else set()
    return {RELEASE_NAME_KEY, KEY_DIGEST_KEY} | certificate | ({FIRST_CA_KEY} if secrets.ca_bundle else set())


def first_records(release: str, secrets: ReleaseSecrets) -> dict[str, SecretStr]:
    """Returns the records of a release of this name before it is first installed."""
    records = {
        RELEASE_NAME_KEY: release,
        KEY_DIGEST_KEY: key_digest(secrets.generated[GeneratedSecret.SECRET_KEY]),
        CORE_LOGIN_KEY: database_login_digest(secrets),
        FIRST_CERTIFICATE_KEY: certificate_digest(secrets),
        CERTIFICATE_KEY: certificate_digest(secrets),
        FIRST_CA_KEY: ca_digest(secrets),
    }
    return {key: SecretStr(text) for key, text in records.items() if text}


async def read_certificate(kube: NamespaceResources, registry: HarborRegistry) -> str:
    """Returns what the chart's nginx serves; without the Secret its pod waits, and the release step says so."""
    expose = registry.spec.expose
    if expose.type in {"ingress", "route"} or not expose.tls_secret_name:
        return ""
    stored = await kube.read_secret(registry.metadata.namespace, expose.tls_secret_name)
    found = stored.values.get(_CERTIFICATE) if stored else None
    return found.get_secret_value() if found else ""
