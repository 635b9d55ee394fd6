"""A second look at a registry that is already right: nothing is written anywhere."""

from __future__ import annotations

import pytest

from lab.registry_fixture import RegistryFixture
from tests.e2e.queries import revisions, wait_all_injected, wait_passes
from tests.e2e.running_operator import RunningOperator
from tests.e2e.written import Mark, Written

pytestmark = pytest.mark.e2e


def test_further_passes_write_nothing(full_registry: RegistryFixture, running_operator: RunningOperator) -> None:
    wait_all_injected(full_registry)  # the status reflects the namespaces of earlier tests
    before = revisions(full_registry)
    mark = Mark.now(full_registry)
    wait_passes(running_operator.operator, 2)
    assert full_registry.registry.is_settled()
    assert mark.written() == Written([], [], [], before)


def test_a_new_operator_writes_nothing(full_registry: RegistryFixture, running_operator: RunningOperator) -> None:
    wait_all_injected(full_registry)
    before = revisions(full_registry)
    status = full_registry.registry.status()
    mark = Mark.now(full_registry)
    running_operator.replace()
    wait_passes(running_operator.operator, 1)
    assert full_registry.registry.status() == status
    assert mark.written() == Written([], [], [], before)
