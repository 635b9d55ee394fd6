"""One pull Secret in every namespace: what happens to it, what it meets there, and where it must not go."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab.audit import WRITES
from lab.lab import Lab
from lab.observer import Observer
from lab.operator import USER
from lab.process import wait_until
from lab.stage import Stage
from tests.e2e.conftest import MakeRegistry
from tests.e2e.world import PULL_SECRET, create_namespace, pull_secret, references, remove_namespace, wait_spread

pytestmark = pytest.mark.e2e

EXCLUDED = ["kube-*"]
THEIRS = "somebodysPassword0123"


@contextmanager
def keeping_out(stage: Stage, pattern: str) -> Iterator[None]:
    """Has the operator leave the namespaces of a pattern alone for a while, so that others come first."""
    select(stage, {"exclude": [*EXCLUDED, pattern]})
    try:
        yield
    finally:
        stage.registry.patch({"pullSecrets": {"namespaces": {"exclude": EXCLUDED}}})


def select(stage: Stage, namespaces: dict[str, object]) -> None:
    stage.registry.patch({"pullSecrets": {"namespaces": namespaces}})
    stage.registry.wait_ready(deadline=30)


@pytest.fixture
def namespace(request: pytest.FixtureRequest, lab: Lab) -> Iterator[str]:
    """A name for the test's namespace, which goes with the test."""
    name = request.node.name.removeprefix("test_").replace("_", "-")[:63].rstrip("-")
    yield name
    remove_namespace(lab, name)


def put_foreign_secret(lab: Lab, namespace: str) -> None:
    lab.control_plane.kubectl("-n", namespace, "create", "secret", "generic", PULL_SECRET, f"--from-literal=a={THEIRS}")


def test_a_foreign_secret_is_left_alone_and_reported(
    stage: Stage, lab: Lab, observer: Observer, namespace: str
) -> None:
    with keeping_out(stage, namespace):
        create_namespace(lab, observer, namespace)
        put_foreign_secret(lab, namespace)
    condition = stage.registry.wait_condition("PullSecretsReady", "False", "NamespacesFailed")
    assert namespace in condition["message"]
    (failure,) = stage.registry.status()["pullSecrets"]["failures"]
    assert (failure["namespace"], failure["reason"]) == (namespace, "ForeignSecret")
    assert "delete or rename it" in failure["message"]
    assert "`spec.pullSecrets.conflictPolicy: Adopt`" in failure["message"]
    assert references(observer, namespace) == []
    assert stage.registry.secret(PULL_SECRET, namespace) == {"a": THEIRS}

    lab.control_plane.kubectl("-n", namespace, "delete", "secret", PULL_SECRET)
    observer.wait_holds(namespace)
    stage.registry.wait_ready(deadline=30)
    assert stage.registry.status()["pullSecrets"]["failures"] == []


def test_a_foreign_secret_is_taken_over_where_the_spec_says_so(
    stage: Stage, lab: Lab, observer: Observer, namespace: str
) -> None:
    with keeping_out(stage, namespace):
        create_namespace(lab, observer, namespace)
        put_foreign_secret(lab, namespace)
    stage.registry.wait_condition("PullSecretsReady", "False", "NamespacesFailed")
    stage.registry.patch({"pullSecrets": {"conflictPolicy": "Adopt"}})
    try:
        observer.wait_holds(namespace)
        stage.registry.wait_ready(deadline=30)
    finally:
        stage.registry.patch({"pullSecrets": {"conflictPolicy": "Refuse"}})
    stage.registry.wait_ready(deadline=30)
    assert list(stage.registry.secret(PULL_SECRET, namespace)) == [".dockerconfigjson"]


def test_other_peoples_references_stay_in_their_order(
    stage: Stage, lab: Lab, observer: Observer, namespace: str
) -> None:
    with keeping_out(stage, namespace):
        create_namespace(lab, observer, namespace)
        put_references(lab, namespace, "zebra", "apple")
    wait_until(lambda: PULL_SECRET in references(observer, namespace), "our reference is there", deadline=20)
    assert references(observer, namespace) == ["zebra", "apple", PULL_SECRET]

    put_references(lab, namespace, "first", PULL_SECRET, "last")
    create_namespace(lab, observer, f"{namespace}-2")
    observer.wait_holds(f"{namespace}-2")  # what came later is done, so this would have been too
    remove_namespace(lab, f"{namespace}-2")
    assert references(observer, namespace) == ["first", PULL_SECRET, "last"]
    stage.registry.wait_ready(deadline=30)


def put_references(lab: Lab, namespace: str, *names: str) -> None:
    patch = json.dumps({"imagePullSecrets": [{"name": name} for name in names]})
    lab.control_plane.kubectl("-n", namespace, "patch", "serviceaccount", "default", "--type=merge", "-p", patch)


def test_a_stripped_reference_comes_back(stage: Stage, lab: Lab, observer: Observer, namespace: str) -> None:
    observer.create_namespace(namespace)
    observer.wait_holds(namespace)
    put_references(lab, namespace, "theirs")
    observer.wait_holds(namespace)
    assert references(observer, namespace) == ["theirs", PULL_SECRET]


def test_a_deleted_secret_comes_back(stage: Stage, lab: Lab, observer: Observer, namespace: str) -> None:
    observer.create_namespace(namespace)
    observer.wait_holds(namespace)
    lab.control_plane.kubectl("-n", namespace, "delete", "secret", PULL_SECRET)
    observer.wait_holds(namespace)


def test_an_edited_secret_is_put_right(stage: Stage, lab: Lab, observer: Observer, namespace: str) -> None:
    observer.create_namespace(namespace)
    observer.wait_holds(namespace)
    right = stage.registry.secret(PULL_SECRET, namespace)
    wrong = base64.b64encode(b'{"auths":{}}').decode()
    patch = json.dumps({"data": {".dockerconfigjson": wrong}, "metadata": {"labels": {"team": "theirs"}}})
    lab.control_plane.kubectl("-n", namespace, "patch", "secret", PULL_SECRET, "-p", patch)
    wait_until(lambda: stage.registry.secret(PULL_SECRET, namespace) == right, "it is put right", deadline=20)
    labels = (pull_secret(observer, namespace) or {})["metadata"]["labels"]
    assert labels["team"] == "theirs"


def test_suspended_nothing_is_written_and_nothing_undone(
    stage: Stage, lab: Lab, observer: Observer, namespace: str
) -> None:
    create_namespace(lab, observer, namespace)
    observer.wait_holds(namespace)
    stage.registry.patch({"suspend": True})
    try:
        stage.registry.wait_condition("Ready", "Unknown", "Suspended")
        mark = lab.control_plane.audit.mark()
        put_references(lab, namespace, "theirs")
        create_namespace(lab, observer, f"{namespace}-2")
    finally:
        stage.registry.patch({"suspend": False})
    for name in (namespace, f"{namespace}-2"):
        observer.wait_holds(name)
    remove_namespace(lab, f"{namespace}-2")
    asked = lab.control_plane.audit.since(mark, verbs=WRITES)
    (resumed,) = [event.received for event in asked if event.resource == "harborregistries" and event.user != USER]
    too_early = [event for event in asked if event.user == USER and event.received < resumed]
    assert not [event for event in too_early if event.namespace.startswith(namespace)]
    stage.registry.wait_ready(deadline=30)


def test_excluded_namespaces_are_never_touched(stage: Stage, lab: Lab, observer: Observer, namespace: str) -> None:
    create_namespace(lab, observer, "kube-e2e")
    observer.create_namespace(namespace)
    observer.wait_holds(namespace)
    remove_namespace(lab, "kube-e2e")
    for excluded in ("kube-e2e", "kube-system", "kube-public"):
        assert pull_secret(observer, excluded) is None
        assert references(observer, excluded) == []
    touched = {event.namespace for event in lab.control_plane.audit.writes_since(user=USER)}
    assert namespace in touched
    assert not {name for name in touched if name.startswith("kube-")}


def test_a_namespace_goes_in_and_out_with_its_labels(
    stage: Stage, lab: Lab, observer: Observer, namespace: str
) -> None:
    kubectl, audit = lab.control_plane.kubectl, lab.control_plane.audit
    unless_told = {"key": "e2e-pull", "operator": "NotIn", "values": ["no"]}
    select(stage, {"selector": {"matchExpressions": [unless_told]}})
    try:
        observer.create_namespace(namespace, {"e2e-pull": "no"})
        observer.create_namespace(f"{namespace}-2")
        observer.wait_holds(f"{namespace}-2")
        assert pull_secret(observer, namespace) is None
        kubectl("label", "--overwrite", "namespace", namespace, "e2e-pull=yes")
        observer.wait_holds(namespace)
        mark = audit.mark()
        kubectl("label", "--overwrite", "namespace", namespace, "e2e-pull=no")
        wait_until(lambda: pull_secret(observer, namespace) is None, "the Secret is gone", deadline=20)
        assert references(observer, namespace) == []
        writes = [event for event in audit.writes_since(mark, USER) if event.namespace == namespace]
        assert [event.verb + " " + event.resource for event in writes] == ["patch serviceaccounts", "delete secrets"]
    finally:
        remove_namespace(lab, f"{namespace}-2")
        select(stage, {"selector": {"matchExpressions": []}})
    observer.wait_holds(namespace)


def test_a_terminating_namespace_does_not_block(stage: Stage, lab: Lab, observer: Observer, namespace: str) -> None:
    plane = lab.control_plane
    observer.create_namespace(namespace)
    observer.wait_holds(namespace)
    metadata = {"name": "stuck", "namespace": namespace, "finalizers": ["example.com/never"]}
    plane.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    remove_namespace(lab, namespace)
    wait_until(lambda: pull_secret(observer, namespace) is None, "the controller empties it", deadline=20)
    try:
        wait_spread(stage)
        phase = (observer.read(f"/api/v1/namespaces/{namespace}") or {})["status"]["phase"]
        assert phase == "Terminating"
    finally:
        let_go = '{"metadata": {"finalizers": null}}'
        plane.kubectl("-n", namespace, "patch", "configmap", "stuck", "--type=merge", "-p", let_go)


def test_of_two_registries_that_want_one_name_the_older_keeps_it(
    stage: Stage, lab: Lab, observer: Observer, make_registry: MakeRegistry
) -> None:
    rival = make_registry("rival")
    rival.put_secret("cr-ca", {"ca.crt": lab.authority.ca_path.read_text()})
    rival.put_secret("pull-account", {"username": "puller", "password": THEIRS})
    credential = {"credential": {"secretRef": {"name": "pull-account"}}}
    spec = {"externalURL": stage.front.url, "caSecretRef": {"name": "cr-ca"}, "checkIntervalSeconds": 5}
    rival.apply({**spec, "pullSecrets": credential})
    condition = rival.wait_condition("PullSecretsReady", "False", "SecretNameTaken")
    assert "'intra/cr' is older" in condition["message"]
    assert "choose another name in `spec.pullSecrets.secretName`" in condition["message"]
    assert rival.condition("Stalled")["status"] == "True"
    observer.wait_holds(rival.namespace)
    uid = stage.registry.read()["metadata"]["uid"]
    labels = (pull_secret(observer, rival.namespace) or {})["metadata"]["labels"]
    assert labels["harbor-operator.io/registry-uid"] == uid
    stage.registry.wait_ready(deadline=30)

    rival.patch({"pullSecrets": None})
    rival.wait_condition("PullSecretsReady", "True", "NotRequested")
    rival.delete()
    observer.wait_holds(rival.namespace)
