"""Looking again at a world that is right: nothing is written anywhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

import pytest

from lab.operator import USER, Operator
from lab.process import wait_until
from lab.stage import Stage
from tests.e2e.conftest import Shift
from tests.e2e.world import revisions, wait_spread

pytestmark = pytest.mark.e2e

CHANGING = {"PUT", "POST", "DELETE", "PATCH", "COPY"}
PASSES = re.compile(r"^harbor_operator_reconcile_duration_seconds_count (\d+)", re.MULTILINE)
PASS_SECONDS = 15


@dataclass(frozen=True)
class Written:
    """What has been written since a moment, by whom it may concern."""

    kubernetes: list[str]
    postgres: list[str]
    swift: list[str]
    revisions: dict[str, str]


@dataclass(frozen=True)
class Mark:
    """A moment in the records of every server."""

    stage: Stage
    audit: int
    postgres: int
    swift: int

    @classmethod
    def now(cls, stage: Stage) -> Self:
        services = stage.lab.services
        return cls(stage, stage.lab.control_plane.audit.mark(), services.postgres.mark(), services.rgw_front.mark())

    def written(self) -> Written:
        lab = self.stage.lab
        writes = lab.control_plane.audit.writes_since(self.audit, USER)
        requests = lab.services.rgw_front.requests_since(self.swift)
        return Written(
            [f"{event.verb} {event.uri}" for event in writes if event.resource != "leases"],
            [change.statement for change in lab.services.postgres.changes_since(self.postgres)],
            [f"{request.method} {request.path}" for request in requests if request.method in CHANGING],
            revisions(self.stage),
        )


def passes(operator: Operator) -> int:
    found = PASSES.search(operator.get("/metrics"))
    return int(found[1]) if found else 0


def wait_passes(operator: Operator, number: int) -> None:
    """Returns when so many more passes have ended, each of which began after the one under way now."""
    wanted = passes(operator) + number + 1
    wait_until(lambda: passes(operator) >= wanted, f"{number} more passes", deadline=PASS_SECONDS * number)


def test_further_passes_write_nothing(stage: Stage, shift: Shift) -> None:
    wait_spread(stage)  # what earlier tests have made and removed is noticed and told
    before = revisions(stage)
    mark = Mark.now(stage)
    wait_passes(shift.operator, 2)
    assert stage.registry.is_settled()
    assert mark.written() == Written([], [], [], before)


def test_a_new_operator_finds_everything_done(stage: Stage, shift: Shift) -> None:
    wait_spread(stage)
    before = revisions(stage)
    status = stage.registry.status()
    mark = Mark.now(stage)
    shift.replace()
    wait_passes(shift.operator, 1)
    assert stage.registry.status() == status
    assert mark.written() == Written([], [], [], before)
