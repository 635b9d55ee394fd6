"""One pull Secret in every namespace: repair, foreign objects, selection and exclusion."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab.audit import WRITES, AuditEvent
from lab.lab import Lab
from lab.observer import Observer
from lab.operator import USER
from lab.process import wait_until
from lab.registry_fixture import RegistryFixture
from tests.e2e.conftest import MakeRegistry
from tests.e2e.queries import (
    PULL_SECRET,
    create_namespace,
    pull_secret,
    references,
    remove_namespace,
    wait_all_injected,
)

pytestmark = pytest.mark.e2e

EXCLUDED = ["kube-*"]
FOREIGN_PASSWORD = "foreignPassword0123"


@contextmanager
def excluding(full_registry: RegistryFixture, pattern: str) -> Iterator[None]:
    """Excludes the namespaces of a pattern until the block ends, so that another client writes there first."""
    select(full_registry, {"exclude": [*EXCLUDED, pattern]})
    try:
        yield
    finally:
        full_registry.registry.patch({"pullSecrets": {"namespaces": {"exclude": EXCLUDED}}})


def select(full_registry: RegistryFixture, namespaces: dict[str, object]) -> None:
    full_registry.registry.patch({"pullSecrets": {"namespaces": namespaces}})
    full_registry.registry.wait_ready(deadline=30)


def put_foreign_secret(lab: Lab, namespace: str) -> None:
    lab.control_plane.kubectl(
        "-n", namespace, "create", "secret", "generic", PULL_SECRET, f"--from-literal=a={FOREIGN_PASSWORD}"
    )


def test_a_foreign_secret_is_reported_and_not_changed(
    full_registry: RegistryFixture, lab: Lab, observer: Observer, namespace: str
) -> None:
    with excluding(full_registry, namespace):
        create_namespace(lab, observer, namespace)
        put_foreign_secret(lab, namespace)
    condition = full_registry.registry.wait_condition("PullSecretsReady", "False", "NamespacesFailed")
    assert namespace in condition["message"]
    (failure,) = full_registry.registry.status()["pullSecrets"]["failures"]
    assert (failure["namespace"], failure["reason"]) == (namespace, "ForeignSecret")
    assert "delete or rename it" in failure["message"]
    assert "`spec.pullSecrets.conflictPolicy: Adopt`" in failure["message"]
    assert references(observer, namespace) == []
    assert full_registry.registry.secret(PULL_SECRET, namespace) == {"a": FOREIGN_PASSWORD}

    lab.control_plane.kubectl("-n", namespace, "delete", "secret", PULL_SECRET)
    observer.wait_injected(namespace)
    full_registry.registry.wait_ready(deadline=30)
    assert full_registry.registry.status()["pullSecrets"]["failures"] == []


def test_a_foreign_secret_is_adopted_if_the_spec_says_so(
    full_registry: RegistryFixture, lab: Lab, observer: Observer, namespace: str
) -> None:
    with excluding(full_registry, namespace):
        create_namespace(lab, observer, namespace)
        put_foreign_secret(lab, namespace)
    full_registry.registry.wait_condition("PullSecretsReady", "False", "NamespacesFailed")
    full_registry.registry.patch({"pullSecrets": {"conflictPolicy": "Adopt"}})
    try:
        observer.wait_injected(namespace)
        full_registry.registry.wait_ready(deadline=30)
    finally:
        full_registry.registry.patch({"pullSecrets": {"conflictPolicy": "Refuse"}})
    full_registry.registry.wait_ready(deadline=30)
    assert list(full_registry.registry.secret(PULL_SECRET, namespace)) == [".dockerconfigjson"]


def test_foreign_references_keep_their_order(
    full_registry: RegistryFixture, lab: Lab, observer: Observer, namespace: str
) -> None:
    with excluding(full_registry, namespace):
        create_namespace(lab, observer, namespace)
        put_references(lab, namespace, "zebra", "apple")
    wait_until(lambda: PULL_SECRET in references(observer, namespace), "the reference is added", deadline=20)
    assert references(observer, namespace) == ["zebra", "apple", PULL_SECRET]

    put_references(lab, namespace, "first", PULL_SECRET, "last")
    create_namespace(lab, observer, f"{namespace}-2")
    observer.wait_injected(f"{namespace}-2")  # a later namespace is done, so this one would be too
    remove_namespace(lab, f"{namespace}-2")
    assert references(observer, namespace) == ["first", PULL_SECRET, "last"]
    full_registry.registry.wait_ready(deadline=30)


def put_references(lab: Lab, namespace: str, *names: str) -> None:
    patch = json.dumps({"imagePullSecrets": [{"name": name} for name in names]})
    lab.control_plane.kubectl("-n", namespace, "patch", "serviceaccount", "default", "--type=merge", "-p", patch)


def test_a_removed_reference_is_restored(
    full_registry: RegistryFixture, lab: Lab, observer: Observer, namespace: str
) -> None:
    observer.create_namespace(namespace)
    observer.wait_injected(namespace)
    put_references(lab, namespace, "theirs")
    observer.wait_injected(namespace)
    assert references(observer, namespace) == ["theirs", PULL_SECRET]


def test_a_deleted_secret_is_restored(
    full_registry: RegistryFixture, lab: Lab, observer: Observer, namespace: str
) -> None:
    observer.create_namespace(namespace)
    observer.wait_injected(namespace)
    lab.control_plane.kubectl("-n", namespace, "delete", "secret", PULL_SECRET)
    observer.wait_injected(namespace)


def test_an_edited_secret_is_restored(
    full_registry: RegistryFixture, lab: Lab, observer: Observer, namespace: str
) -> None:
    observer.create_namespace(namespace)
    observer.wait_injected(namespace)
    right = full_registry.registry.secret(PULL_SECRET, namespace)
    wrong = base64.b64encode(b'{"auths":{}}').decode()
    patch = json.dumps({"data": {".dockerconfigjson": wrong}, "metadata": {"labels": {"team": "theirs"}}})
    lab.control_plane.kubectl("-n", namespace, "patch", "secret", PULL_SECRET, "-p", patch)
    wait_until(
        lambda: full_registry.registry.secret(PULL_SECRET, namespace) == right, "the content is restored", deadline=20
    )
    labels = (pull_secret(observer, namespace) or {})["metadata"]["labels"]
    assert labels["team"] == "theirs"


def is_patch_by_user(event: AuditEvent, fixture: RegistryFixture) -> bool:
    """Whether a user patched the registry; the namespace controller also writes to this resource, to delete it."""
    target = (event.verb, event.resource, event.namespace, event.name)
    return event.user != USER and target == (
        "patch",
        "harborregistries",
        fixture.registry.namespace,
        fixture.registry.name,
    )


def test_suspended_writes_nothing_and_keeps_existing_objects(
    full_registry: RegistryFixture, lab: Lab, observer: Observer, namespace: str
) -> None:
    create_namespace(lab, observer, namespace)
    observer.wait_injected(namespace)
    full_registry.registry.patch({"suspend": True})
    try:
        full_registry.registry.wait_condition("Ready", "Unknown", "Suspended")
        mark = lab.control_plane.audit.mark()
        put_references(lab, namespace, "theirs")
        create_namespace(lab, observer, f"{namespace}-2")
    finally:
        full_registry.registry.patch({"suspend": False})
    for name in (namespace, f"{namespace}-2"):
        observer.wait_injected(name)
    remove_namespace(lab, f"{namespace}-2")
    writes = lab.control_plane.audit.since(mark, verbs=WRITES)
    (resumed,) = [event.received for event in writes if is_patch_by_user(event, full_registry)]
    while_suspended = [event for event in writes if event.user == USER and event.received < resumed]
    assert not [event for event in while_suspended if event.namespace.startswith(namespace)]
    full_registry.registry.wait_ready(deadline=30)


def test_excluded_namespaces_are_never_touched(
    full_registry: RegistryFixture, lab: Lab, observer: Observer, namespace: str
) -> None:
    create_namespace(lab, observer, "kube-e2e")
    observer.create_namespace(namespace)
    observer.wait_injected(namespace)
    remove_namespace(lab, "kube-e2e")
    for excluded in ("kube-e2e", "kube-system", "kube-public"):
        assert pull_secret(observer, excluded) is None
        assert references(observer, excluded) == []
    touched = {event.namespace for event in lab.control_plane.audit.writes_since(user=USER)}
    assert namespace in touched
    assert not {name for name in touched if name.startswith("kube-")}


def test_selection_follows_namespace_labels(
    full_registry: RegistryFixture, lab: Lab, observer: Observer, namespace: str
) -> None:
    kubectl, audit = lab.control_plane.kubectl, lab.control_plane.audit
    opt_out = {"key": "e2e-pull", "operator": "NotIn", "values": ["no"]}
    select(full_registry, {"selector": {"matchExpressions": [opt_out]}})
    try:
        observer.create_namespace(namespace, {"e2e-pull": "no"})
        observer.create_namespace(f"{namespace}-2")
        observer.wait_injected(f"{namespace}-2")
        assert pull_secret(observer, namespace) is None
        kubectl("label", "--overwrite", "namespace", namespace, "e2e-pull=yes")
        observer.wait_injected(namespace)
        mark = audit.mark()
        kubectl("label", "--overwrite", "namespace", namespace, "e2e-pull=no")
        wait_until(lambda: pull_secret(observer, namespace) is None, "the Secret is gone", deadline=20)
        assert references(observer, namespace) == []
        writes = [event for event in audit.writes_since(mark, USER) if event.namespace == namespace]
        assert [event.verb + " " + event.resource for event in writes] == ["patch serviceaccounts", "delete secrets"]
    finally:
        remove_namespace(lab, f"{namespace}-2")
        select(full_registry, {"selector": {"matchExpressions": []}})
    observer.wait_injected(namespace)


def test_a_terminating_namespace_does_not_block_others(
    full_registry: RegistryFixture, lab: Lab, observer: Observer, namespace: str
) -> None:
    plane = lab.control_plane
    observer.create_namespace(namespace)
    observer.wait_injected(namespace)
    metadata = {"name": "stuck", "namespace": namespace, "finalizers": ["example.com/never"]}
    plane.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    remove_namespace(lab, namespace)
    wait_until(
        lambda: pull_secret(observer, namespace) is None, "the namespace controller deletes its contents", deadline=20
    )
    try:
        wait_all_injected(full_registry)
        phase = (observer.read(f"/api/v1/namespaces/{namespace}") or {})["status"]["phase"]
        assert phase == "Terminating"
    finally:
        without_finalizers = '{"metadata": {"finalizers": null}}'
        plane.kubectl("-n", namespace, "patch", "configmap", "stuck", "--type=merge", "-p", without_finalizers)


def test_of_two_registries_with_one_secret_name_the_injecting_one_keeps_it(
    full_registry: RegistryFixture, lab: Lab, observer: Observer, make_registry: MakeRegistry
) -> None:
    younger = make_registry("younger")
    younger.put_secret("cr-ca", {"ca.crt": lab.authority.ca_path.read_text()})
    younger.put_secret("pull-account", {"username": "puller", "password": FOREIGN_PASSWORD})
    credential = {"credential": {"secretRef": {"name": "pull-account"}}}
    spec = {"externalURL": full_registry.front.url, "caSecretRef": {"name": "cr-ca"}, "checkIntervalSeconds": 5}
    younger.apply({**spec, "pullSecrets": credential})
    condition = younger.wait_condition("PullSecretsReady", "False", "SecretNameTaken")
    assert "'intra/cr' already injects" in condition["message"]
    assert "set another name in `spec.pullSecrets.secretName`" in condition["message"]
    assert younger.condition("Stalled")["status"] == "True"
    observer.wait_injected(younger.namespace)
    uid = full_registry.registry.read()["metadata"]["uid"]
    labels = (pull_secret(observer, younger.namespace) or {})["metadata"]["labels"]
    assert labels["harbor-operator.io/registry-uid"] == uid
    full_registry.registry.wait_ready(deadline=30)

    younger.patch({"pullSecrets": None})
    younger.wait_condition("PullSecretsReady", "True", "NotRequested")
    younger.delete()
    observer.wait_injected(younger.namespace)
