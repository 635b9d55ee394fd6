"""When a backup must not set read-only mode, and whose read-only mode it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.kubectl.backups import read_only as module
from harbor_operator.kubectl.backups.read_only import check_settable, check_unmarked, read_only
from harbor_operator.kubectl.cluster import Cluster, Manifest, Target
from harbor_operator.kubectl.errors import CommandError, RequestError
from harbor_operator.model.harbor import HarborEndpoint, ObservedSetting
from harbor_operator.ports import Unavailable
from harbor_operator.reasons import Reason
from tests.fakes.harbor_configuration import FakeHarborConfiguration

METADATA = {"name": "cr", "namespace": "intra", "uid": "uid-1"}
MARK = "harbor-operator.io/read-only-since"
SINCE, OTHER = datetime(2026, 1, 2, 3, tzinfo=UTC), "2026-01-02T02:59:59Z"


class ClusterWith:
    """A cluster with the HarborRegistry; another backup sets `other_mark` just before this one sets its own."""

    namespace = "intra"

    def __init__(self, *, other_mark: str = "", refuses: bool = False) -> None:
        self.annotations: dict[str, str] = {}
        self.other_mark = other_mark
        self.refuses = refuses
        self.is_silent = False

    def get(self, path: str) -> Manifest:
        if self.is_silent:
            raise RequestError(0, "the API server does not answer")
        metadata = {**METADATA, "resourceVersion": "1", "annotations": {**self.annotations}}
        return {"metadata": {"resourceVersion": "1"}, "items": [{"metadata": metadata}]}

    def merge(self, path: str, patch: Manifest) -> None:
        if self.refuses:
            raise RequestError(403, "no right to patch harborregistries")
        if self.other_mark:
            self.annotations[MARK], self.other_mark = self.other_mark, ""
            raise RequestError(409, "the object has been modified")
        changed = self.annotations | patch["metadata"]["annotations"]
        self.annotations = {key: value for key, value in changed.items() if value is not None}


@pytest.fixture
def harbor(monkeypatch: pytest.MonkeyPatch) -> FakeHarborConfiguration:
    found = FakeHarborConfiguration()
    monkeypatch.setattr(module, "HttpHarborConfiguration", lambda _: found)
    return found


@pytest.fixture
def keep(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Returns the block in which Harbor of this cluster is read-only."""

    def block(cluster: ClusterWith) -> Any:
        @contextmanager
        def connect(_: Target) -> Iterator[Cluster]:
            yield cast("Cluster", cluster)

        monkeypatch.setattr(module, "connect", connect)
        return read_only(Target(), registry(), HarborEndpoint("https://cr.example.com"), SINCE)

    return block


def registry(**spec: Any) -> HarborRegistry:
    return HarborRegistry.parse({"metadata": METADATA, "spec": {"externalURL": "https://cr.example.com", **spec}})


def test_another_backup_is_named_with_what_ends_it() -> None:
    check_unmarked({"metadata": METADATA})
    annotations = {"harbor-operator.io/read-only-since": "2026-01-02T03:04:05+00:00"}
    with pytest.raises(CommandError, match="began at 2026-01-02T03:04:05") as refused:
        check_unmarked({"metadata": {**METADATA, "annotations": annotations}})
    assert "`kubectl harbor backup cr -n intra --release`" in str(refused.value)


def test_the_operator_would_set_it_back() -> None:
    configuration = {"read_only": False}
    check_settable(registry(), ObservedSetting(value=False))
    check_settable(registry(configuration=configuration, suspend=True), ObservedSetting(value=False))
    with pytest.raises(CommandError, match="`kubectl harbor suspend cr -n intra --wait`"):
        check_settable(registry(configuration=configuration), ObservedSetting(value=False))


def test_settings_of_the_environment_cannot_be_changed() -> None:
    with pytest.raises(CommandError, match="CONFIG_OVERWRITE_JSON"):
        check_settable(registry(), ObservedSetting(value=False, is_editable=False))


def test_a_backup_leaves_harbor_as_it_was(harbor: FakeHarborConfiguration, keep: Any) -> None:
    cluster = ClusterWith()
    with keep(cluster):
        assert (harbor.settings["read_only"], cluster.annotations) == (True, {MARK: SINCE.isoformat()})
    assert (harbor.settings["read_only"], cluster.annotations) == (False, {})


def test_the_read_only_mode_of_another_backup_is_left(harbor: FakeHarborConfiguration, keep: Any) -> None:
    """The other one has begun since this one read the HarborRegistry."""
    cluster = ClusterWith(other_mark=OTHER)
    with pytest.raises(CommandError, match=f"began at {OTHER}"), keep(cluster):
        pytest.fail("two backups ran")
    assert (cluster.annotations, harbor.writes) == ({MARK: OTHER}, [])


def test_a_backup_does_not_rely_on_the_read_only_mode_of_another(harbor: FakeHarborConfiguration, keep: Any) -> None:
    cluster = ClusterWith()
    cluster.annotations, harbor.settings["read_only"] = {MARK: OTHER}, True
    with pytest.raises(CommandError, match=f"began at {OTHER}"), keep(cluster):
        pytest.fail("two backups ran")
    assert (cluster.annotations, harbor.writes) == ({MARK: OTHER}, [])


def test_a_person_without_the_right_to_mark_learns_that(harbor: FakeHarborConfiguration, keep: Any) -> None:
    with pytest.raises(CommandError, match=r"^no right to patch"), keep(ClusterWith(refuses=True)):
        pytest.fail("the backup ran")
    assert harbor.settings["read_only"] is False


@pytest.mark.parametrize("before", [False, True])
def test_a_harbor_that_becomes_writable_fails_the_backup(
    harbor: FakeHarborConfiguration, keep: Any, *, before: bool
) -> None:
    cluster, harbor.settings["read_only"] = ClusterWith(), before
    with pytest.raises(CommandError, match="became writable during the backup"), keep(cluster):
        harbor.settings["read_only"] = False
    assert (harbor.settings["read_only"], cluster.annotations) == (False, {})


def test_read_only_mode_ends_although_its_mark_was_removed(harbor: FakeHarborConfiguration, keep: Any) -> None:
    cluster = ClusterWith()
    with keep(cluster):
        cluster.annotations = {}
    assert harbor.settings["read_only"] is False


def test_a_block_counts_although_the_mark_cannot_be_removed(
    harbor: FakeHarborConfiguration, keep: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster = ClusterWith()
    with keep(cluster) as mode:
        cluster.is_silent = True
    assert (mode.is_released, harbor.settings["read_only"]) == (False, False)
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(f"Harbor is writable again, but annotation `{MARK}` says that it is read-only")
    assert said.endswith("The next backup is refused until you run `kubectl harbor backup cr -n intra --release`")


def test_a_block_counts_although_harbor_stays_read_only(
    harbor: FakeHarborConfiguration,
    keep: Any,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse(*_: object) -> None:
        raise Unavailable("no answer", Reason.REGISTRY_UNREACHABLE)

    with keep(ClusterWith()) as mode:
        monkeypatch.setattr(harbor, "write_configuration", refuse)
    assert (mode.is_released, harbor.settings["read_only"]) == (False, True)
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("Harbor may be read-only still, and refuse pushes: ")
    assert said.endswith("To make it writable, run `kubectl harbor backup cr -n intra --release`")


def test_the_error_of_a_block_is_not_hidden(
    harbor: FakeHarborConfiguration, keep: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster = ClusterWith()

    def dump() -> None:
        cluster.is_silent = True
        raise CommandError("pg_dump failed")

    with pytest.raises(CommandError, match=r"^pg_dump failed$"), keep(cluster):
        dump()
    assert "could not be removed" in capsys.readouterr().err
