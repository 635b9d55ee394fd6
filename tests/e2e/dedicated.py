"""A lab, an operator and one full registry for a test module that damages them.

The module imports the fixtures `dedicated`, `lab`, `running_operator` and `full_registry` under the names of the
functions here, which replace those of `conftest.py`; its other fixtures then use the dedicated lab as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from lab.kubernetes_client import Manifest
from lab.lab import Lab
from lab.registry_fixture import RegistryFixture, install
from tests.e2e.running_operator import RunningOperator

FAST_PROBES: Manifest = {
    "core": {"startupProbe": {"initialDelaySeconds": 1, "periodSeconds": 1}},
    "jobservice": {"readinessProbe": {"initialDelaySeconds": 1, "periodSeconds": 2}},
}
"""Chart values with short probe delays; with the defaults of the chart a release takes half a minute longer."""


@dataclass
class DedicatedLab:
    """A lab, its operator, and a registry that is prepared but not applied."""

    lab: Lab
    running_operator: RunningOperator
    fixture: RegistryFixture


@pytest.fixture(scope="module", name="dedicated")
def dedicated_lab(request: pytest.FixtureRequest) -> Iterator[DedicatedLab]:
    """Starts a lab and an operator, whose log level is `LOG_LEVEL` of the test module.

    A module that needs no running pods says so with `KUBELET = False`; its lab takes a fraction of the time.
    """
    with Lab.start(kubelet=getattr(request.module, "KUBELET", None)) as lab:
        install(lab)
        running_operator = RunningOperator(lab, log_level=getattr(request.module, "LOG_LEVEL", "INFO"))
        try:
            running_operator.operator.wait_leading()
            yield DedicatedLab(lab, running_operator, RegistryFixture.set_up(lab, values=FAST_PROBES))
        finally:
            running_operator.end()


@pytest.fixture(scope="module", name="lab")
def lab_of_module(dedicated: DedicatedLab) -> Lab:
    """The lab of the module."""
    return dedicated.lab


@pytest.fixture(scope="module", name="running_operator")
def operator_of_module(dedicated: DedicatedLab) -> RunningOperator:
    """The operator of the module."""
    return dedicated.running_operator


@pytest.fixture(scope="module", name="full_registry")
def registry_of_module(dedicated: DedicatedLab) -> RegistryFixture:
    """The full registry of the module, which is prepared and not applied."""
    return dedicated.fixture
