"""Pure plan of a migration: what another injector left in a namespace -> adoptions, removals, and what stays and why.

- A Secret with the name of the registry's pull Secret is adopted: the same object, with the marks that the injector of
  the operator reads and without those of the other tool.
- A Secret of another name is a double once the registry's own Secret has a login for each of its hosts. Its references
  are removed first, and the Secret when nothing refers to it.
- A login that the registry does not replace stays: the pods that use it could not pull afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from harbor_operator.api.v1alpha1 import HarborRegistry, PullSecrets
from harbor_operator.model.migration import (
    AdoptSecret,
    DeleteDouble,
    Marks,
    MigratedSecret,
    MigrationAction,
    MigrationStep,
    MigrationTarget,
    NamespaceFindings,
    ReferringPod,
    SecretMetadata,
    Tool,
)
from harbor_operator.model.namespace import ObservedServiceAccount
from harbor_operator.plan import names
from harbor_operator.plan.migration_tools import find_marks
from harbor_operator.plan.pull_secrets import image_hosts
from harbor_operator.plan.selection import is_selected

MAX_NAMED_ITEMS = 3
SECRET, ACCOUNT = "Secret", "ServiceAccount"


def target_of(registry: HarborRegistry, section: PullSecrets, digest: bytes) -> MigrationTarget:
    """Returns what the registry takes over; `digest` is that of its content, empty if that is not known."""
    others = (other.host for other in section.additional_credentials)
    return MigrationTarget(
        uid=registry.metadata.uid,
        key=registry.key,
        secret_name=section.secret_name,
        accounts=tuple(section.service_accounts),
        namespaces=section.namespaces,
        hosts=frozenset(host_of(host) for host in (*image_hosts(registry), *others)),
        digest=digest,
    )


def host_of(key: str) -> str:
    """Returns host and port of a key of `auths`, which can be a URL; Docker Hub has one name."""
    host = key.lower().split("://", 1)[-1].split("/", 1)[0]
    return "docker.io" if host in {"index.docker.io", "registry-1.docker.io"} else host


def plan_migration(
    tool: Tool, target: MigrationTarget, found: NamespaceFindings, *, remove_doubles: bool
) -> tuple[MigrationStep, ...]:
    """Returns the steps of one namespace: adoptions, then removed references, then deleted Secrets, then what stays."""
    steps = [step for secret in found.marked for step in _plan_secret(tool, target, found, secret, remove_doubles)]
    order = list(MigrationAction)
    return tuple(sorted(_merge_references(steps), key=lambda step: order.index(step.action)))


def policies_of(tool: Tool, found: Iterable[NamespaceFindings]) -> tuple[str, ...]:
    """Returns the policies of Kyverno that generate the Secrets, sorted; empty for another tool."""
    marks = (find_marks(tool, secret.metadata) for each in found for secret in each.marked)
    return tuple(sorted({mark.policy for mark in marks if mark is not None and mark.policy}))


def _plan_secret(
    tool: Tool, target: MigrationTarget, found: NamespaceFindings, secret: MigratedSecret, remove_doubles: bool
) -> Iterator[MigrationStep]:
    marks = find_marks(tool, secret.metadata)
    if marks is None:
        return
    if why := _check_common(target, found, secret):
        yield _step(tool, secret, MigrationAction.KEEP, why)
    elif secret.metadata.name == target.secret_name:
        yield _plan_adoption(tool, target, secret, marks)
    elif why := _check_double(target, found.own, secret):
        yield _step(tool, secret, MigrationAction.KEEP, why)
    elif not remove_doubles:
        why = f"a double of '{target.secret_name}': `--remove-doubles` removes its references, then the Secret"
        yield _step(tool, secret, MigrationAction.KEEP, why)
    else:
        yield from _plan_removal(tool, target, found, secret)


def _check_common(target: MigrationTarget, found: NamespaceFindings, secret: MigratedSecret) -> str:
    """Returns why nothing is done to the Secret; empty if something can be done."""
    namespace, metadata = found.namespace, secret.metadata
    owner = metadata.labels.get(names.REGISTRY_UID, "")
    if namespace.terminating or metadata.terminating:
        return "it is being deleted"
    if namespace.oversized:
        return "the labels of the namespace are too long to select it"
    if not is_selected(target.namespaces, namespace.name, namespace.labels, namespace.inject):
        return f"HarborRegistry '{target.key}' does not select this namespace: see `spec.pullSecrets.namespaces`"
    if owner not in {"", target.uid}:
        return "it belongs to another HarborRegistry: see its label `harbor-operator.io/registry-uid`"
    if not secret.hosts:
        return "its content is not a list of registry logins"
    return ""


def _plan_adoption(tool: Tool, target: MigrationTarget, secret: MigratedSecret, marks: Marks) -> MigrationStep:
    metadata = secret.metadata
    is_owned = metadata.labels.get(names.REGISTRY_UID) == target.uid
    if not is_owned and (missing := secret.hosts - target.hosts):
        return _step(tool, secret, MigrationAction.KEEP, _missing_logins(missing, f"HarborRegistry '{target.key}'"))
    is_current = bool(target.digest) and secret.digest == target.digest
    writes_content = bool(target.digest) and not is_current and not secret.immutable
    write = _adoption(target, metadata, marks, writes_content=writes_content)
    why = _why_adopted(target, secret, is_owned=is_owned, is_current=is_current)
    return _step(tool, secret, MigrationAction.ADOPT, why, write)


def _why_adopted(target: MigrationTarget, secret: MigratedSecret, *, is_owned: bool, is_current: bool) -> str:
    if is_owned:
        return "the HarborRegistry owns it and the tool has marked it: only the marks of the tool are removed"
    if is_current:
        return "the content is that of the HarborRegistry: only the marks change"
    if secret.immutable:
        return "it is immutable: the operator replaces it by a Secret with another uid"
    if target.digest:
        return "the same object gets the login and the marks of the HarborRegistry"
    return (
        "the same object gets the marks of the HarborRegistry; the operator writes the login when Harbor accepted one"
    )


def _adoption(target: MigrationTarget, metadata: SecretMetadata, marks: Marks, *, writes_content: bool) -> AdoptSecret:
    labels = {names.MANAGED_BY: names.FIELD_MANAGER, names.REGISTRY_UID: target.uid}
    annotations = {names.REGISTRY_KEY: target.key, names.ADOPTED: "true"}
    left = tuple(owner for owner in metadata.owners if owner.get("uid") not in marks.owners)
    return AdoptSecret(
        metadata.namespace,
        metadata.name,
        metadata.uid,
        metadata.revision,
        {**dict.fromkeys(marks.labels), **labels},
        {**dict.fromkeys(marks.annotations), **annotations},
        left if marks.owners else None,
        writes_content,
    )


def _check_double(target: MigrationTarget, own: MigratedSecret | None, secret: MigratedSecret) -> str:
    if own is None or own.metadata.terminating or own.metadata.labels.get(names.REGISTRY_UID) != target.uid:
        return f"the HarborRegistry has no Secret '{target.secret_name}' here yet, which would replace it"
    missing = secret.hosts - own.hosts
    return _missing_logins(missing, f"Secret '{target.secret_name}'") if missing else ""


def _missing_logins(hosts: Iterable[str], where: str) -> str:
    return (
        f"{where} has no login for {_listed(sorted(hosts))}: add it to `spec.pullSecrets.additionalCredentials` or "
        "`extraHosts`, or keep this Secret"
    )


def _plan_removal(
    tool: Tool, target: MigrationTarget, found: NamespaceFindings, secret: MigratedSecret
) -> Iterator[MigrationStep]:
    metadata = secret.metadata
    referring = [each for each in found.accounts if each.oversized or metadata.name in each.references]
    kept = {account.name: why for account in referring if (why := _check_reference(target, account))}
    for account in referring:
        if account.name not in kept:
            yield _removed_reference(target, account, metadata.name)
    if kept:
        first = next(iter(kept))
        why = f"service account {_listed(list(kept))} refers to it: {kept[first]}"
        yield _step(tool, secret, MigrationAction.KEEP, why)
    elif pods := _referring_pods(found.pods, metadata.name):
        why = f"pod {_listed(pods)} refers to it: repeat this command after new pods replaced them"
        yield _step(tool, secret, MigrationAction.KEEP, why)
    else:
        write = DeleteDouble(metadata.namespace, metadata.name, metadata.uid, metadata.revision)
        why = f"Secret '{target.secret_name}' replaces it, and no pod refers to it"
        yield _step(tool, secret, MigrationAction.DELETE, why, write)


def _check_reference(target: MigrationTarget, account: ObservedServiceAccount) -> str:
    if account.oversized:
        return "its list `imagePullSecrets` is too long to read"
    if target.secret_name not in account.references:
        remedy = (
            "the operator has not added it yet"
            if target.covers(account.name)
            else "add the account to `spec.pullSecrets.serviceAccounts`, or change the list yourself"
        )
        return f"it does not refer to '{target.secret_name}': {remedy}"
    return ""


def _removed_reference(target: MigrationTarget, account: ObservedServiceAccount, name: str) -> MigrationStep:
    return MigrationStep(
        account.namespace,
        ACCOUNT,
        account.name,
        f"refers to '{name}'",
        MigrationAction.REMOVE_REFERENCE,
        f"it refers to '{target.secret_name}' as well",
        _without(account, name),
    )


def _without(account: ObservedServiceAccount, name: str) -> ObservedServiceAccount:
    return replace(
        account,
        references=tuple(other for other in account.references if other != name),
        attached=tuple(other for other in account.attached if other != name),
    )


def _merge_references(steps: Sequence[MigrationStep]) -> Iterator[MigrationStep]:
    """Joins the removals from one service account: the second patch would have the revision before the first one."""
    merged: dict[str, MigrationStep] = {}
    for step in steps:
        if not isinstance(step.write, ObservedServiceAccount):
            yield step
            continue
        if (before := merged.get(step.name)) and isinstance(before.write, ObservedServiceAccount):
            left = before.write.references
            both = replace(step.write, references=tuple(name for name in step.write.references if name in left))
            found = f"{before.found} and {step.found.removeprefix('refers to ')}"
            merged[step.name] = MigrationStep(step.namespace, ACCOUNT, step.name, found, step.action, step.why, both)
        else:
            merged[step.name] = step
    yield from merged.values()


def _referring_pods(pods: Iterable[ReferringPod], secret: str) -> list[str]:
    return sorted(pod.name for pod in pods if secret in pod.references)


def _step(
    tool: Tool,
    secret: MigratedSecret,
    action: MigrationAction,
    why: str,
    write: AdoptSecret | DeleteDouble | None = None,
) -> MigrationStep:
    logins = f" with logins for {_listed(sorted(secret.hosts))}" if secret.hosts else ""
    metadata = secret.metadata
    return MigrationStep(metadata.namespace, SECRET, metadata.name, f"Secret of {tool}{logins}", action, why, write)


def _listed(items: Sequence[str]) -> str:
    shown = ", ".join(f"'{item}'" for item in items[:MAX_NAMED_ITEMS])
    return shown if len(items) <= MAX_NAMED_ITEMS else f"{shown} and {len(items) - MAX_NAMED_ITEMS} more"
