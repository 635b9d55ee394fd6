"""Which node a lab gets: the real one wherever it can run, the pretended one elsewhere; and why, in a line to print.

`HARBOR_LAB_NODE` forces the one or the other: `kubelet` runs pods, and needs Linux and root; `kwok` starts anywhere in
a second and pulls nothing. A test that needs no more than pods which become Ready says `Lab.start(kubelet=False)`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from lab.node.programs import GO_PROGRAMS, obstacle
from lab.process import LabError

VARIABLE = "HARBOR_LAB_NODE"
KWOK, KUBELET = "kwok", "kubelet"


@dataclass(frozen=True)
class Choice:
    """A decision, and its reason."""

    kubelet: bool
    reason: str

    @property
    def programs(self) -> tuple[str, ...]:
        """The Go programs that make this node."""
        return tuple(GO_PROGRAMS) if self.kubelet else ("kwok",)

    def describe(self) -> str:
        """The decision as a person reads it."""
        what = "real kubelet, pods run" if self.kubelet else "KWOK, pods only pretend"
        return f"Node: {what}: {self.reason}"


def choose(kubelet: bool | None = None) -> Choice:
    """What the caller wants, else what the environment wants, else the real node if nothing stands in its way."""
    if kubelet is not None:
        return Choice(kubelet, "asked for by whoever starts this lab")
    wanted = os.environ.get(VARIABLE, "")
    if wanted not in ("", KWOK, KUBELET):
        raise LabError(f"`{VARIABLE}` is '{wanted}'; it may be '{KWOK}' or '{KUBELET}'")
    if wanted:
        return Choice(wanted == KUBELET, f"`{VARIABLE}` asks for it")
    reason = obstacle()
    return Choice(kubelet=not reason, reason=reason or "this machine has all that it needs")
