"""What the injector would write in each namespace."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

import pytest
from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import ConflictPolicy, NamespaceSelection
from harbor_operator.kubectl.cluster import Cluster
from harbor_operator.kubectl.errors import RequestError
from harbor_operator.kubectl.plan import Action
from harbor_operator.kubectl.planning.namespaces import MAX_LISTED_NAMESPACES, PlannedInjection
from harbor_operator.kubectl.planning.recorder import Recorder
from harbor_operator.model.injection import Claim, DesiredInjection
from harbor_operator.plan import names
from harbor_operator.plan.docker_config import DOCKER_CONFIG_KEY, DOCKER_CONFIG_TYPE, encode
from harbor_operator.ports import Unavailable

CLAIM = Claim("uid-1", "harbor-pull", ("default",), "intra/cr")
OLD = Claim("uid-1", "old-pull", ("default",), "intra/cr")
CONTENT = SecretStr('{"auths": {}}')


def metadata(namespace: str, name: str, **more: Any) -> dict[str, Any]:
    return {"namespace": namespace, "name": name, "uid": f"{namespace}-{name}", "resourceVersion": "1", **more}


def secret(namespace: str, name: str = "harbor-pull", content: str = CONTENT.get_secret_value()) -> dict[str, Any]:
    labels = {names.MANAGED_BY: names.FIELD_MANAGER, names.REGISTRY_UID: "uid-1"}
    data = {DOCKER_CONFIG_KEY: encode(content)}
    return {"type": DOCKER_CONFIG_TYPE, "metadata": metadata(namespace, name, labels=labels), "data": data}


def account(namespace: str, *references: str) -> dict[str, Any]:
    annotations = {names.ATTACHED: ",".join(references)}
    listed = [{"name": reference} for reference in references]
    return {"metadata": metadata(namespace, "default", annotations=annotations), "imagePullSecrets": listed}


class ClusterWith:
    """Lists objects by resource, two on each page; fields are selected by name."""

    def __init__(self, objects: Mapping[str, list[dict[str, Any]]]) -> None:
        self._objects = objects

    def read(self, path: str, **query: str) -> bytes:
        if path not in {f"/api/v1/{kind}" for kind in self._objects}:
            raise RequestError(403, "no")
        name = query.get("fieldSelector", "").removeprefix("metadata.name=")
        found = [one for one in self._objects[path.rpartition("/")[2]] if name in ("", one["metadata"]["name"])]
        start = int(query.get("continue", "0"))
        more = {"continue": str(start + 2)} if len(found) > start + 2 else {}
        return json.dumps({"metadata": more, "items": found[start : start + 2]}).encode()


def injection(*namespaces: str, secrets: Any = (), accounts: Any = ()) -> PlannedInjection:
    listed = {
        "namespaces": [{"metadata": {**metadata("", name), "namespace": ""}} for name in namespaces],
        "secrets": list(secrets),
        "serviceaccounts": [*accounts] or [account(name) for name in namespaces],
    }
    return PlannedInjection(cast("Cluster", ClusterWith(listed)))


def declare(planned: PlannedInjection, **selection: Any) -> PlannedInjection:
    namespaces = NamespaceSelection.model_validate(selection)
    planned.declare(DesiredInjection(CLAIM, "intra/cr", namespaces, ConflictPolicy.REFUSE, CONTENT))
    return planned


async def lines(planned: PlannedInjection) -> list[tuple[Action, str, tuple[str, ...]]]:
    recorder = Recorder(lambda: SecretStr("made"))
    await planned.record(recorder)
    return [(line.action, line.subject, line.details) for line in recorder.lines]


async def test_a_namespace_gets_the_secret_and_its_reference() -> None:
    assert await lines(declare(injection("a", "b", "kube-system"))) == [
        (Action.CHANGE, "`imagePullSecrets` of ServiceAccount 'default' in 2 namespaces", ("a", "b")),
        (Action.CREATE, "Secret 'harbor-pull' in 2 namespaces", ("a", "b")),
    ]


async def test_what_is_as_desired_is_kept() -> None:
    planned = declare(injection("a", secrets=[secret("a")], accounts=[account("a", "harbor-pull")]))
    assert await lines(planned) == [(Action.KEEP, "pull Secret and references in 1 namespace", ())]
    await planned.wait_for_sync(CLAIM, 1)
    facts = planned.read(CLAIM)
    assert facts
    assert (facts.namespaces, facts.ready) == (1, 1)


async def test_another_content_is_written_again() -> None:
    planned = declare(injection("a", secrets=[secret("a", content="{}")], accounts=[account("a", "harbor-pull")]))
    assert await lines(planned) == [(Action.CHANGE, "Secret 'harbor-pull' in 1 namespace", ("a",))]


async def test_an_excluded_namespace_loses_both() -> None:
    planned = injection("a", secrets=[secret("a")], accounts=[account("a", "harbor-pull")])
    assert await lines(declare(planned, exclude=["a"])) == [
        (Action.CHANGE, "`imagePullSecrets` of ServiceAccount 'default' in 1 namespace", ("a",)),
        (Action.REMOVE, "Secret 'harbor-pull' in 1 namespace", ("a",)),
    ]


async def test_a_renamed_secret_replaces_the_old_one() -> None:
    planned = injection("a", secrets=[secret("a", "old-pull")], accounts=[account("a", "old-pull")])
    declare(planned)
    planned.withdraw(OLD)
    assert [line[:2] for line in await lines(planned)] == [
        (Action.CHANGE, "`imagePullSecrets` of ServiceAccount 'default' in 1 namespace"),
        (Action.CREATE, "Secret 'harbor-pull' in 1 namespace"),
        (Action.REMOVE, "Secret 'old-pull' in 1 namespace"),
    ]


async def test_a_secret_of_another_client_is_a_conflict() -> None:
    foreign = {"type": "Opaque", "metadata": metadata("a", "harbor-pull")}
    recorder = Recorder(lambda: SecretStr("made"))
    await declare(injection("a", secrets=[foreign])).record(recorder)
    (line,) = recorder.lines
    assert (line.action, line.code) == (Action.CONFLICT, "ForeignSecret")
    assert line.subject.startswith("1 namespace (a): namespace 'a' has a Secret 'harbor-pull'")
    assert line.remedy


async def test_only_the_first_names_are_listed() -> None:
    many = [f"n{number:02}" for number in range(MAX_LISTED_NAMESPACES + 3)]
    (_, subject, details) = (await lines(declare(injection(*many))))[1]
    assert subject == f"Secret 'harbor-pull' in {len(many)} namespaces"
    assert (len(details), details[-1]) == (MAX_LISTED_NAMESPACES + 1, "and 3 more")


async def test_without_the_right_to_list_nothing_is_guessed() -> None:
    planned = declare(PlannedInjection(cast("Cluster", ClusterWith({}))))
    with pytest.raises(Unavailable, match="of the cluster: no"):
        await lines(planned)
