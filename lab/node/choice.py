"""Selects the node of a lab: the real one where it can run, else KWOK; with the reason as a line to print.

`HARBOR_LAB_NODE` selects one explicitly: `kubelet` runs pods, and needs Linux and root; `kwok` starts anywhere in a
second and pulls nothing. A test that only needs pods to become Ready uses `Lab.start(kubelet=False)`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from lab.node.programs import GO_PROGRAMS, missing_requirement
from lab.process import LabError

VARIABLE = "HARBOR_LAB_NODE"
KWOK, KUBELET = "kwok", "kubelet"


@dataclass(frozen=True)
class Choice:
    """A decision and its reason."""

    kubelet: bool
    reason: str

    @property
    def programs(self) -> tuple[str, ...]:
        """The Go programs of this node."""
        return tuple(GO_PROGRAMS) if self.kubelet else ("kwok",)

    def describe(self) -> str:
        """Returns the decision and its reason as one line."""
        what = "real kubelet, pods run" if self.kubelet else "KWOK, pods do not run"
        return f"Node: {what}: {self.reason}"


def choose(kubelet: bool | None = None) -> Choice:
    """Returns the choice of the caller, else of the environment, else the real node if the machine can run it."""
    if kubelet is not None:
        return Choice(kubelet, "the caller of `Lab.start` asks for it")
    wanted = os.environ.get(VARIABLE, "")
    if wanted not in ("", KWOK, KUBELET):
        raise LabError(f"`{VARIABLE}` is '{wanted}'; allowed are '{KWOK}' and '{KUBELET}'")
    if wanted:
        return Choice(wanted == KUBELET, f"`{VARIABLE}` asks for it")
    reason = missing_requirement()
    return Choice(kubelet=not reason, reason=reason or "this machine meets all requirements")
