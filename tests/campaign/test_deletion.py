"""A deletion removes what the policies of the spec say, and nothing else, whatever they were before."""

from __future__ import annotations

import asyncio
from itertools import product

import pytest

from harbor_operator.model.database_changes import DropDatabase, DropRole
from lab.registries import merged
from tests.campaign.deployment import Deployment
from tests.campaign.semantic import BASE
from tests.campaign.trial import Trial

MAX_PASSES = 30
POLICIES = ("Delete", "Retain")
PARTS = ("release", "database", "storage", "pullSecrets")


def delete(deployment: Deployment) -> None:
    """Runs the teardown until the finalizer can go."""
    for _ in range(MAX_PASSES):
        if asyncio.run(deployment.reconciler.finalize(deployment.object.body())) is None:
            return
        deployment.servers.advance(60)
    raise AssertionError(deployment.object.conditions())


@pytest.mark.parametrize("policies", list(product(POLICIES, repeat=len(PARTS))), ids="-".join)
def test_a_deletion_removes_what_its_policies_say(policies: tuple[str, ...]) -> None:
    wanted = dict(zip(PARTS, policies, strict=True))
    trial = Trial()
    opposite = {part: "Delete" if policy == "Retain" else "Retain" for part, policy in wanted.items()}
    trial.deploy(merged(BASE, {"deletionPolicy": opposite}))
    trial.deploy(merged(BASE, {"deletionPolicy": wanted}))
    servers = trial.deployment.servers
    delete(trial.deployment)
    keeps_release = wanted["release"] == "Retain"
    dropped = {type(change) for change in servers.postgres.changes} & {DropDatabase, DropRole}
    assert bool(dropped) == (wanted["database"] == "Delete" and not keeps_release)
    assert ("harbor" not in servers.swift.containers) == (wanted["storage"] == "Delete" and not keeps_release)
    assert ("helm: uninstall intra/cr" in servers.writes) == (not keeps_release)
    assert bool(servers.injection.withdrawn) == (wanted["pullSecrets"] == "Delete")
    assert "library" in servers.harbor.projects
