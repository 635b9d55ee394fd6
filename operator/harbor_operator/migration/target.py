"""The registry that takes over, and the content that its operator injects, read as the operator reads it."""

from __future__ import annotations

from pydantic import SecretStr, ValidationError

from harbor_operator.api.v1alpha1 import HarborRegistry, PullSecrets
from harbor_operator.plan.pull_secrets import docker_config
from harbor_operator.ports import Refused
from harbor_operator.ports.migration import MigrationApi
from harbor_operator.reasons import Reason
from harbor_operator.steps.outcomes import BlockedError
from harbor_operator.steps.stored_credential import StoredCredential

_MUST_NOT_INJECT = frozenset({Reason.INJECTION_NOT_GRANTED, Reason.SECRET_NAME_TAKEN})


async def read_registry(api: MigrationApi, key: str) -> tuple[HarborRegistry, PullSecrets]:
    """Returns the HarborRegistry 'namespace/name' and its `spec.pullSecrets`; Refused if it injects nothing."""
    namespace, _, name = key.partition("/")
    body = await api.read_registry(namespace, name)
    if body is None:
        raise Refused(Reason.INVALID_SPEC, f"HarborRegistry '{key}' does not exist: create it, or correct `--registry`")
    try:
        registry = HarborRegistry.parse(body)
    except ValidationError:
        text = f"the spec of HarborRegistry '{key}' is invalid: its condition Ready says where"
        raise Refused(Reason.INVALID_SPEC, text) from None
    for condition in (body.get("status") or {}).get("conditions") or []:
        if condition.get("reason") in _MUST_NOT_INJECT:
            reason = Reason(condition["reason"])
            raise Refused(reason, f"HarborRegistry '{key}' must not inject ({reason}): its conditions say what to do")
    section = registry.spec.pull_secrets
    if section is None or registry.metadata.deletion_timestamp:
        problem = "has no `spec.pullSecrets`" if section is None else "is being deleted"
        raise Refused(Reason.INVALID_SPEC, f"HarborRegistry '{key}' {problem}, so it cannot take over pull Secrets")
    return registry, section


async def read_content(
    credential: StoredCredential, registry: HarborRegistry, section: PullSecrets
) -> SecretStr | None:
    """Returns the `.dockerconfigjson` text that the operator injects; None before Harbor has accepted the login."""
    try:
        login = await credential.read_known(registry, section)
        if login is None or not await credential.accepted.is_recorded(registry, login):
            return None
        return docker_config(registry, login, await credential.read_other_logins(registry, section))
    except BlockedError:
        return None  # the operator injects nothing either, and its condition names the cause
