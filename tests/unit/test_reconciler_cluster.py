"""A pass needs the identity of the cluster."""

from __future__ import annotations

from typing_extensions import override

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.outcomes import ConditionType, Outcome
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.reconciler import Reconciler
from tests.fakes.cluster_identity import FakeClusterIdentity
from tests.unit.reconciler_fixture import BODY, NOON, RecordedStatuses, ScriptedStep, done


class ClusterStep(ScriptedStep):
    """Records the cluster of the registry."""

    clusters: list[str]

    @override
    async def reconcile(self, registry: HarborRegistry) -> Outcome:
        self.clusters.append(registry.metadata.cluster)
        return self._script()


async def test_every_step_gets_the_identity_of_the_cluster() -> None:
    """Findings D4, D6, F1: it distinguishes equal registries of two clusters."""
    step = ClusterStep(ConditionType.DATABASE, done, [])
    step.clusters = []
    reconciler = Reconciler([step], RecordedStatuses(), lambda: NOON, FakeClusterIdentity("cluster-7"))
    await reconciler.reconcile(BODY)
    await reconciler.finalize(BODY)
    assert step.clusters == ["cluster-7", "cluster-7"]


async def test_without_the_identity_of_the_cluster_nothing_is_written_and_the_pass_is_retried() -> None:
    """Findings D4, D6, F1."""
    asked: list[ConditionType] = []
    written, cluster = RecordedStatuses(), FakeClusterIdentity()
    reconciler = Reconciler([ScriptedStep(ConditionType.DATABASE, done, asked)], written, lambda: NOON, cluster)
    cluster.error = Unavailable("the API server did not answer")
    first, later = await reconciler.reconcile(BODY), await reconciler.reconcile(BODY, failures=9)
    assert first.failed
    assert first.requeue_after < later.requeue_after <= 300
    assert await reconciler.finalize(BODY) == "the identity of the cluster is unknown: the API server did not answer"
    assert (asked, written.statuses, written.events) == ([], [], [])
    cluster.error = None
    assert not (await reconciler.reconcile(BODY)).failed
    assert asked == [ConditionType.DATABASE]


async def test_a_missing_right_to_read_the_identity_is_reported() -> None:
    asked: list[ConditionType] = []
    written, cluster = RecordedStatuses(), FakeClusterIdentity()
    cluster.error = Refused(Reason.RIGHTS_MISSING, "the API server does not allow get namespaces")
    step = ScriptedStep(ConditionType.DATABASE, done, asked)
    result = await Reconciler([step], written, lambda: NOON, cluster).reconcile(BODY)
    assert result.failed
    assert asked == []
    conditions = {item["type"]: item for item in written.statuses[0]["conditions"]}
    assert conditions["DatabaseReady"]["reason"] == Reason.RIGHTS_MISSING
    assert conditions["DatabaseReady"]["status"] == "Unknown"
    # Nothing was created, so the deletion of such a registry needs no teardown.
    assert written.statuses[0]["untouched"] is True
