"""A lab, an operator and one full registry for a test module that damages them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

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


@contextmanager
def dedicated_lab() -> Iterator[DedicatedLab]:
    """Starts a lab and an operator, and stops both at the end of the block."""
    with Lab.start() as lab:
        install(lab)
        running_operator = RunningOperator(lab)
        try:
            running_operator.operator.wait_leading()
            yield DedicatedLab(lab, running_operator, RegistryFixture.set_up(lab, values=FAST_PROBES))
        finally:
            running_operator.end()
