"""Which node a lab gets: the pretended one, or the real one where `HARBOR_LAB_NODE` asks for it.

`kwok` (the default) starts anywhere in a second and pulls nothing; `kubelet` runs pods, and needs Linux and root.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.lab.certs import Authority
from tests.lab.controlplane import ControlPlane
from tests.lab.kwok import Kwok
from tests.lab.node.kubelet import KubeletNode
from tests.lab.process import LabError, Processes

VARIABLE = "HARBOR_LAB_NODE"
KWOK, KUBELET = "kwok", "kubelet"


def wants_kubelet() -> bool:
    """Whether the environment asks for the real node."""
    wanted = os.environ.get(VARIABLE, KWOK)
    if wanted not in (KWOK, KUBELET):
        raise LabError(f"`{VARIABLE}` is '{wanted}'; it may be '{KWOK}' or '{KUBELET}'")
    return wanted == KUBELET


def start_node(
    lab_dir: Path, plane: ControlPlane, processes: Processes, authority: Authority, *, kubelet: bool
) -> Kwok | KubeletNode:
    """The node that is asked for, Ready."""
    if kubelet:
        return KubeletNode.start(lab_dir, plane, processes, authority)
    return Kwok.start(plane, processes)
