"""Who holds the name of the pull Secret: neither an older registry without a grant, nor one that is being deleted."""

from __future__ import annotations

import json

import pytest

from lab.observer import Observer
from lab.operator import USER
from lab.process import wait_until
from tests.e2e.pull_only import PullOnlyLab, lab_of_pull_only, pull_only_lab  # noqa: F401 - fixtures
from tests.e2e.queries import PULL_SECRET, create_namespace, pull_secret, references, wait_passes

pytestmark = pytest.mark.e2e

OWNER = "harbor-operator.io/registry-uid"
ACCOUNT = {"username": "puller", "password": "Tenant-pass-1"}
HOLD = "example.com/hold"


def owner_in(observer: Observer, namespace: str) -> str:
    """Returns the uid of the registry for which the pull Secret was written."""
    found = pull_secret(observer, namespace) or {"metadata": {}}
    return str(found["metadata"].get("labels", {}).get(OWNER, ""))


@pytest.mark.parametrize("with_rights", [True, False])
def test_an_older_registry_of_a_tenant_changes_nothing_also_after_a_restart(
    pull_only: PullOnlyLab, observer: Observer, with_rights: bool
) -> None:
    """Finding S5: bare, older, of the same Secret name, with `Adopt`, and without a grant."""
    operator, audit = pull_only.running_operator, pull_only.lab.control_plane.audit
    suffix = "with-rights" if with_rights else "without-rights"
    tenant = pull_only.prepare(f"tenant-{suffix}", with_rights=with_rights)
    tenant.put_secret("x", ACCOUNT)
    tenant.apply(pull_only.spec(credential={"secretRef": {"name": "x"}}, conflictPolicy="Adopt"))
    condition, reason = (
        ("PullSecretsReady", "InjectionNotGranted") if with_rights else ("RegistryReachable", "RightsMissing")
    )
    tenant.wait_condition(condition, "False", reason)

    platform = pull_only.prepare(f"t-platform-{suffix}")
    platform.apply(pull_only.spec())
    platform.wait_ready()
    metadata = [registry.read()["metadata"] for registry in (tenant, platform)]
    assert metadata[0]["creationTimestamp"] <= metadata[1]["creationTimestamp"]
    for namespace in ("default", tenant.namespace):
        observer.wait_injected(namespace)

    mark = audit.mark()
    operator.replace()
    wait_passes(operator.operator, 2)
    tenant.wait_condition(condition, "False", reason)
    platform.wait_ready()
    assert {owner_in(observer, namespace) for namespace in ("default", tenant.namespace)} == {metadata[1]["uid"]}
    writes = [event for event in audit.writes_since(mark, USER) if event.name in {PULL_SECRET, "default"}]
    assert [f"{event.verb} {event.uri}" for event in writes] == []
    for registry in (tenant, platform):
        pull_only.remove(registry)


def test_the_successor_of_a_deleted_registry_takes_over_every_secret_in_place(
    pull_only: PullOnlyLab, observer: Observer
) -> None:
    """Finding R8: a registry that is being deleted, here for as long as another client wants, holds no name."""
    plane = pull_only.lab.control_plane
    first, second = (pull_only.prepare(name) for name in ("t-old", "t-new"))
    first.apply(pull_only.spec())
    first.wait_ready()
    create_namespace(pull_only.lab, observer, "shop")
    observer.wait_injected("shop")
    second.apply(pull_only.spec())
    second.wait_condition("PullSecretsReady", "False", "SecretNameTaken")
    finalizers = [*first.read()["metadata"]["finalizers"], HOLD]
    patch = json.dumps({"metadata": {"finalizers": finalizers}})
    plane.kubectl("-n", "t-old", "patch", "hreg", "cr", "--type=merge", "-p", patch)

    mark = plane.audit.mark()
    plane.kubectl("-n", "t-old", "delete", "hreg", "cr", "--wait=false")
    second.wait_ready(deadline=60)
    create_namespace(pull_only.lab, observer, "late")
    observer.wait_injected("late")
    uid = second.read()["metadata"]["uid"]
    wait_until(lambda: first.read()["metadata"]["finalizers"] == [HOLD], "the teardown ends", deadline=60)
    assert {owner_in(observer, namespace) for namespace in ("default", "shop", "late")} == {uid}
    assert all(PULL_SECRET in references(observer, namespace) for namespace in ("default", "shop", "late"))
    writes = plane.audit.writes_since(mark, USER)
    assert [event.uri for event in writes if (event.verb, event.name) == ("delete", PULL_SECRET)] == []
    assert [event.uri for event in writes if event.resource == "serviceaccounts" and event.namespace == "shop"] == []
    login = second.secret("hreg-cr-pull-robot")
    assert [robot["name"] for robot in pull_only.harbor.robots()] == [login["username"]]
    assert login["password"] in second.secret(PULL_SECRET, "shop")[".dockerconfigjson"]

    plane.kubectl("-n", "t-old", "patch", "hreg", "cr", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    for registry in (first, second):
        pull_only.remove(registry)
