"""What is adopted, what is removed, and what stays: one namespace at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry, NamespaceSelection
from harbor_operator.model.migration import (
    AdoptSecret,
    DeleteDouble,
    MigratedSecret,
    MigrationAction,
    MigrationStep,
    MigrationTarget,
    NamespaceFindings,
    ReferringPod,
    Tool,
)
from harbor_operator.model.namespace import ObservedNamespace, ObservedServiceAccount
from harbor_operator.plan.migration import host_of, plan_migration, policies_of, target_of
from tests.fakes.other_injectors import left_by, pull_secret
from tests.unit.plan.test_migration_tools import metadata

HOST = "cr.example.com"
NAME = "harbor-pull"
DOUBLE = "regcred-registrycreds"
NAMESPACE = ObservedNamespace("app", 1, {})
TARGET = MigrationTarget(
    "uid-a", "intra/cr", NAME, ("default",), NamespaceSelection(), frozenset({HOST, "docker.io"}), b"new"
)
OWN_LABELS = {"app.kubernetes.io/managed-by": "harbor-operator", "harbor-operator.io/registry-uid": "uid-a"}
KEEP, ADOPT, DELETE = MigrationAction.KEEP, MigrationAction.ADOPT, MigrationAction.DELETE
REMOVE_REFERENCE = MigrationAction.REMOVE_REFERENCE


def migrated(manifest: dict[str, Any], *hosts: str, digest: bytes = b"old", immutable: bool = False) -> MigratedSecret:
    return MigratedSecret(metadata(manifest), frozenset(hosts or (HOST,)), digest, immutable)


def left(tool: Tool = Tool.TAMCORE, name: str = NAME, *hosts: str, **content: Any) -> MigratedSecret:
    return migrated(left_by(tool, "app", name, HOST), *hosts, **content)


OWN = migrated(pull_secret("app", NAME, HOST, labels=OWN_LABELS))
ACCOUNT = ObservedServiceAccount("app", "default", 5, ("theirs", DOUBLE, NAME), (DOUBLE,))


def plan(
    found: NamespaceFindings,
    *,
    tool: Tool = Tool.TAMCORE,
    target: MigrationTarget = TARGET,
    remove_doubles: bool = True,
) -> list[MigrationStep]:
    return list(plan_migration(tool, target, found, remove_doubles=remove_doubles))


def only(found: NamespaceFindings, **options: Any) -> MigrationStep:
    (step,) = plan(found, **options)
    return step


def doubles(**changes: Any) -> NamespaceFindings:
    found = NamespaceFindings(NAMESPACE, (left(Tool.REGISTRY_CREDS, DOUBLE),), OWN, (ACCOUNT,))
    return replace(found, **changes)


@pytest.mark.parametrize("tool", Tool)
def test_a_secret_of_the_same_name_is_adopted_in_place(tool: Tool) -> None:
    name = DOUBLE if tool is Tool.REGISTRY_CREDS else NAME
    step = only(NamespaceFindings(NAMESPACE, (left(tool, name),)), tool=tool, target=replace(TARGET, secret_name=name))
    write = step.write
    assert isinstance(write, AdoptSecret)
    assert (step.action, write.uid, write.revision, write.writes_content) == (ADOPT, "uid-1", "7", True)
    assert write.labels.items() >= OWN_LABELS.items()
    assert write.annotations["harbor-operator.io/registry"] == "intra/cr"
    assert write.annotations["harbor-operator.io/adopted"] == "true"
    assert len([value for value in [*write.labels.values(), *write.annotations.values()] if value is not None]) == 4
    assert write.owners == (() if tool is Tool.REGISTRY_CREDS else None)


def test_the_owners_of_other_clients_stay() -> None:
    manifest = left_by(Tool.REGISTRY_CREDS, "app", DOUBLE, HOST)
    other = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "other"}
    manifest["metadata"]["ownerReferences"].append(other)
    target = replace(TARGET, secret_name=DOUBLE)
    step = only(NamespaceFindings(NAMESPACE, (migrated(manifest),)), tool=Tool.REGISTRY_CREDS, target=target)
    assert isinstance(step.write, AdoptSecret)
    assert step.write.owners == (other,)


def test_content_is_written_only_if_it_is_known_and_differs() -> None:
    unknown = replace(TARGET, digest=b"")
    for secret, target in (
        (left(digest=b"new"), TARGET),
        (left(digest=b"old"), unknown),
        (left(immutable=True), TARGET),
    ):
        step = only(NamespaceFindings(NAMESPACE, (secret,)), target=target)
        assert isinstance(step.write, AdoptSecret)
        assert not step.write.writes_content


def test_a_secret_that_the_operator_overwrote_only_loses_the_marks() -> None:
    manifest = left_by(Tool.TITANSOFT, "app", NAME, HOST)
    manifest["metadata"]["labels"] = OWN_LABELS
    step = only(NamespaceFindings(NAMESPACE, (migrated(manifest, "any", digest=b"new"),)))
    assert isinstance(step.write, AdoptSecret)
    assert step.write.annotations["app.kubernetes.io/managed-by"] is None
    assert "only the marks of the tool" in step.why


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (NamespaceFindings(ObservedNamespace("app", 1, {}, terminating=True), (left(),)), "deleted"),
        (NamespaceFindings(ObservedNamespace("app", 1, {}, oversized=True), (left(),)), "too long"),
        (NamespaceFindings(ObservedNamespace("kube-system", 1, {}), (left(),)), "does not select"),
        (NamespaceFindings(NAMESPACE, (left(Tool.TAMCORE, NAME, HOST, "quay.io"),)), "no login for 'quay.io'"),
        (NamespaceFindings(NAMESPACE, (replace(left(), hosts=frozenset()),)), "not a list of registry logins"),
        (
            NamespaceFindings(
                NAMESPACE,
                (
                    migrated(
                        pull_secret(
                            "app",
                            NAME,
                            HOST,
                            labels={"harbor-operator.io/registry-uid": "uid-b"},
                            annotations={"app.kubernetes.io/managed-by": "imagepullsecret-patcher"},
                        )
                    ),
                ),
            ),
            "another HarborRegistry",
        ),
    ],
)
def test_what_cannot_be_taken_over_stays(found: NamespaceFindings, why: str) -> None:
    step = only(found)
    assert (step.action, step.write) == (KEEP, None)
    assert why in step.why


def test_a_secret_without_the_marks_is_not_even_mentioned() -> None:
    assert plan(NamespaceFindings(NAMESPACE, (migrated(pull_secret("app", NAME, HOST)),))) == []
    assert plan(NamespaceFindings(NAMESPACE, (left(),)), tool=Tool.REFLECTOR) == []


def test_references_are_removed_before_the_double() -> None:
    first, second = plan(doubles(), tool=Tool.REGISTRY_CREDS)
    assert (first.action, second.action) == (REMOVE_REFERENCE, DELETE)
    assert first.write == ObservedServiceAccount("app", "default", 5, ("theirs", NAME), ())
    assert second.write == DeleteDouble("app", DOUBLE, "uid-1", "7")


def test_two_doubles_of_one_account_are_removed_in_one_patch() -> None:
    second = "more-registrycreds"
    account = replace_references(ACCOUNT, ("theirs", DOUBLE, second, NAME))
    marked = (left(Tool.REGISTRY_CREDS, DOUBLE), left(Tool.REGISTRY_CREDS, second))
    steps = plan(doubles(marked=marked, accounts=(account,)), tool=Tool.REGISTRY_CREDS)
    assert [step.action for step in steps] == [REMOVE_REFERENCE, DELETE, DELETE]
    assert isinstance(steps[0].write, ObservedServiceAccount)
    assert steps[0].write.references == ("theirs", NAME)
    assert steps[0].found == f"refers to '{DOUBLE}' and '{second}'"


def replace_references(account: ObservedServiceAccount, references: tuple[str, ...]) -> ObservedServiceAccount:
    return ObservedServiceAccount(account.namespace, account.name, account.revision, references, account.attached)


def test_without_the_option_a_double_stays() -> None:
    step = only(doubles(), tool=Tool.REGISTRY_CREDS, remove_doubles=False)
    assert (step.action, step.write) == (KEEP, None)
    assert "--remove-doubles" in step.why


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (doubles(own=None), "has no Secret 'harbor-pull' here yet"),
        (doubles(own=migrated(pull_secret("app", NAME, HOST))), "has no Secret 'harbor-pull' here yet"),
        (doubles(own=replace(OWN, hosts=frozenset({"docker.io"}))), "Secret 'harbor-pull' has no login for"),
        (doubles(accounts=(replace_references(ACCOUNT, (DOUBLE,)),)), "the operator has not added it yet"),
        (doubles(accounts=(ObservedServiceAccount("app", "builder", 1, (DOUBLE,)),)), "spec.pullSecrets.serviceAcc"),
        (doubles(accounts=(ObservedServiceAccount("app", "builder", 1, oversized=True),)), "too long to read"),
    ],
)
def test_a_double_that_something_needs_stays(found: NamespaceFindings, why: str) -> None:
    step = only(found, tool=Tool.REGISTRY_CREDS)
    assert (step.action, step.write) == (KEEP, None)
    assert why in step.why


def test_a_pod_keeps_the_double_but_not_the_reference() -> None:
    pods = tuple(ReferringPod(f"web-{number}", (DOUBLE,)) for number in range(5))
    steps = plan(doubles(pods=pods), tool=Tool.REGISTRY_CREDS)
    assert [step.action for step in steps] == [REMOVE_REFERENCE, KEEP]
    assert "'web-0', 'web-1', 'web-2' and 2 more" in steps[1].why


@pytest.mark.parametrize(
    ("key", "host"),
    [
        ("cr.example.com", "cr.example.com"),
        ("https://CR.example.com:8443/v2/", "cr.example.com:8443"),
        ("https://index.docker.io/v1/", "docker.io"),
        ("registry-1.docker.io", "docker.io"),
        ("*.example.com", "*.example.com"),
    ],
)
def test_the_host_of_a_key_of_auths(key: str, host: str) -> None:
    assert host_of(key) == host


def test_the_target_names_every_host_of_the_spec() -> None:
    credential = {"secretRef": {"name": "pull"}}
    section = {
        "credential": credential,
        "extraHosts": ["harbor.intra:8443"],
        "additionalCredentials": [{"host": "docker.io", "secretRef": {"name": "hub"}}],
    }
    body = {
        "metadata": {"name": "cr", "namespace": "intra", "uid": "uid-a"},
        "spec": {"externalURL": "https://cr.example.com", "pullSecrets": section},
    }
    registry = HarborRegistry.parse(body)
    assert registry.spec.pull_secrets is not None
    target = target_of(registry, registry.spec.pull_secrets, b"x")
    assert target.hosts == {"cr.example.com", "harbor.intra:8443", "docker.io"}
    assert (target.uid, target.key, target.secret_name, target.digest) == ("uid-a", "intra/cr", NAME, b"x")


def test_the_policies_of_kyverno_are_named() -> None:
    found = NamespaceFindings(NAMESPACE, (left(Tool.KYVERNO),))
    assert policies_of(Tool.KYVERNO, [found, found]) == ("sync-secrets",)
    assert policies_of(Tool.TAMCORE, [NamespaceFindings(NAMESPACE, (left(),))]) == ()
