"""The login of the pull Secrets as it is stored in the namespace of the registry; Harbor is not asked."""

from __future__ import annotations

from harbor_operator.api.base import CredentialsRef
from harbor_operator.api.v1alpha1 import HarborRegistry, PullSecrets
from harbor_operator.checks.pull_secrets import check_other_login
from harbor_operator.checks.references import describe_secret
from harbor_operator.model.harbor import Login
from harbor_operator.model.kubernetes import StoredSecret
from harbor_operator.model.outcomes import CredentialFacts
from harbor_operator.plan import names
from harbor_operator.plan.robot_key import read_key
from harbor_operator.plan.robot_rotation import describe_credential, read_credential
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.steps.accepted_login import AcceptedLogin
from harbor_operator.steps.outcomes import raise_if_blocked
from harbor_operator.steps.references import read_login


class StoredCredential:
    """Reads the Secrets of `spec.pullSecrets.credential` and `spec.pullSecrets.additionalCredentials`."""

    def __init__(self, kube: NamespaceResources) -> None:
        self._kube = kube
        self.accepted = AcceptedLogin(kube)

    async def read_known(self, registry: HarborRegistry, section: PullSecrets) -> Login | None:
        """Returns the stored login without trying it; for a robot only a login that the registry has accepted."""
        stored = await self._read_stored(registry, section)
        ref = section.credential.secret_ref or CredentialsRef(name=names.robot_secret(registry))
        # The username is stored next to a robot's password only after a login succeeded.
        if stored is None or not set(ref.keys) <= stored.values.keys():
            return None
        return Login(stored.values[ref.username_key].get_secret_value(), stored.values[ref.password_key])

    async def read_other_logins(self, registry: HarborRegistry, section: PullSecrets) -> dict[str, Login]:
        """Returns the logins of other registries by host; BlockedError for a Secret that cannot be used.

        They are not tried: only the nodes have to reach those registries.
        """
        logins: dict[str, Login] = {}
        for number, other in enumerate(section.additional_credentials):
            field = f"spec.pullSecrets.additionalCredentials[{number}].secretRef"
            login = Login(*await read_login(self._kube, registry, other.secret_ref, field))
            where = describe_secret(registry.metadata.namespace, other.secret_ref.name)
            raise_if_blocked(check_other_login(where, field, login))
            logins[other.host] = login
        return logins

    async def describe(self, registry: HarborRegistry, section: PullSecrets) -> CredentialFacts:
        """Returns what the status says about the stored login."""
        stored = await self._read_stored(registry, section)
        if section.credential.cluster_robot is not None:
            return describe_credential(read_credential(stored))
        if stored is None:
            return CredentialFacts()
        has_key = section.credential.namespace_robot is not None
        return CredentialFacts(
            rotated_at=stored.changed_at, rotate_request=read_key(stored).rotate_request if has_key else ""
        )

    async def _read_stored(self, registry: HarborRegistry, section: PullSecrets) -> StoredSecret | None:
        given, has_key = section.credential.secret_ref, section.credential.namespace_robot is not None
        name = given.name if given else (names.robot_key_secret if has_key else names.robot_secret)(registry)
        return await self._kube.read_secret(registry.metadata.namespace, name)
