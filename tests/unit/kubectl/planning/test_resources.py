"""Secrets that a step writes exist in the plan only."""

from __future__ import annotations

from typing import Any, cast

import pytest
from pydantic import SecretStr

from harbor_operator.kubectl.cluster import Cluster
from harbor_operator.kubectl.errors import RequestError
from harbor_operator.kubectl.plan import Action
from harbor_operator.kubectl.planning.recorder import PlanEnds, Recorder
from harbor_operator.kubectl.planning.resources import PlannedResources
from harbor_operator.ports import Refused, Unavailable
from tests.unit.kubectl.test_dry_run import ClusterWith

OWNER = {"owner": "cr"}
STORED = {"metadata": {"name": "a", "resourceVersion": "1", "labels": OWNER}, "data": {"password": "c2VjcmV0"}}
FOREIGN = {"metadata": {"name": "a", "resourceVersion": "1"}, "data": {}}


def planned(secret: Any = None) -> PlannedResources:
    objects = {"/api/v1/namespaces/intra/secrets/a": secret} if secret else {}
    return PlannedResources(cast("Cluster", ClusterWith(objects)), Recorder(lambda: SecretStr("made")))


def lines(kube: PlannedResources) -> list[tuple[Action, str, tuple[str, ...]]]:
    return [(line.action, line.subject, line.details) for line in kube.recorder.lines]


async def test_a_new_secret_is_read_again_with_what_was_written() -> None:
    kube = planned()
    await kube.ensure_secret("intra", "a", lambda: {"password": SecretStr("x"), "username": SecretStr("y")}, OWNER)
    found = await kube.read_secret("intra", "a")
    assert found
    assert found.values["password"].get_secret_value() == "x"
    assert lines(kube) == [(Action.CREATE, "Secret 'intra/a'", ("keys: password, username",))]


async def test_values_that_exist_stay_and_an_equal_secret_is_not_written() -> None:
    kube = planned(STORED)
    found = await kube.ensure_secret("intra", "a", lambda: {"password": SecretStr("x")}, OWNER)
    assert found.values["password"].get_secret_value() == "secret"
    await kube.apply_secret("intra", "a", {"password": SecretStr("secret")}, OWNER)
    assert lines(kube) == []
    await kube.apply_secret("intra", "a", {"password": SecretStr("x")}, OWNER)
    assert lines(kube) == [(Action.CHANGE, "Secret 'intra/a'", ("keys: password",))]


async def test_a_secret_of_another_owner_is_refused_as_in_the_operator() -> None:
    with pytest.raises(Refused, match="was not created for this registry"):
        await planned(FOREIGN).apply_secret("intra", "a", {}, OWNER)


async def test_only_an_own_secret_is_removed() -> None:
    foreign, kube = planned(FOREIGN), planned(STORED)
    await foreign.remove_secret("intra", "a", OWNER)
    await kube.remove_secret("intra", "a", OWNER)
    assert (lines(foreign), lines(kube)) == ([], [(Action.REMOVE, "Secret 'intra/a'", ())])
    assert await kube.read_secret("intra", "a") is None


async def test_a_lock_that_is_cleared_ends_the_plan() -> None:
    kube = planned(STORED)
    with pytest.raises(PlanEnds, match="its lock is cleared first"):
        await kube.patch_secret("intra", "a", {"data": {}}, "1")
    assert lines(kube)[0][:2] == (Action.CHANGE, "Secret 'intra/a'")


async def test_a_release_that_is_taken_over_gets_labels() -> None:
    kube = planned(STORED)
    with pytest.raises(PlanEnds) as end:
        await kube.patch_secret("intra", "a", {"metadata": {"labels": OWNER}}, "1")
    ((action, _, (detail,)),) = lines(kube)
    assert (str(end.value), action) == ("", Action.CHANGE)
    assert detail.endswith("taken over as it is; Helm does not run")


@pytest.mark.parametrize("status", [403, 500])
async def test_a_missing_right_of_the_person_is_no_conflict(status: int) -> None:
    with pytest.raises(Unavailable, match="no"):
        await planned(RequestError(status, "no")).read_secret("intra", "a")
