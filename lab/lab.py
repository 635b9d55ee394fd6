"""The lab as a whole: control plane, node, backing services and chart, started together.

    with Lab.start() as lab:                                   # everything
    with Lab.start(parts={Part.CONTROL_PLANE}) as lab:         # only what a test needs
        lab.control_plane      lab.controlplane.ControlPlane
        lab.node               lab.node.kubelet.KubeletNode where it can run, else lab.kwok.Kwok
        lab.kubelet            the former or nothing: whether pods run here or only pretend
        lab.choice             which of the two it is, and why: lab.node.choice.Choice
        lab.services           lab.services.Services (Part.POSTGRES, Part.REDIS, Part.CEPH: any or all)
        lab.chart              lab.chart.ResolvedChart
        lab.authority          lab.certs.Authority, which signed every certificate of the lab
        lab.processes          lab.process.Processes; what a test starts here ends with the lab
        lab.directory          state and, in logs/, one log per server

A part that was not asked for raises LabError when it is used. The directory is removed at the end, unless the caller
named it; after a failed start its logs are quoted in the error.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from lab import chart as charts
from lab.certs import Authority
from lab.controlplane import PROGRAMS, ControlPlane
from lab.gotools import build
from lab.kwok import Kwok
from lab.node.choice import KWOK, VARIABLE, Choice, choose
from lab.node.kubelet import KubeletNode
from lab.node.release import import_release, supplied_core_image
from lab.process import LabError, Processes
from lab.services import Services

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from types import TracebackType


T = TypeVar("T")


class Part(StrEnum):
    """What can be started by itself."""

    CONTROL_PLANE = "control plane"
    NODE = "node"
    POSTGRES = "postgres"
    REDIS = "redis"
    CEPH = "ceph"
    CHART = "chart"


SERVICES = frozenset({Part.POSTGRES, Part.REDIS, Part.CEPH})

NEEDS: dict[Part, tuple[str, ...]] = {
    Part.CONTROL_PLANE: PROGRAMS,
    Part.NODE: PROGRAMS,
    Part.CHART: ("helm",),
}
"""The Go programs that each part runs, besides those of the node that is chosen."""


def programs(parts: AbstractSet[Part], choice: Choice) -> set[str]:
    """The Go programs that a lab of these parts runs."""
    return {name for part in parts for name in NEEDS.get(part, ())} | {*(choice.programs if Part.NODE in parts else ())}


class Lab:
    """A running lab; see the module's docstring for what it offers."""

    def __init__(self, directory: Path, choice: Choice, *, owned: bool) -> None:
        self.directory = directory
        self.choice = choice
        self.processes = Processes(directory / "logs")
        self.authority = Authority.create(directory / "pki")
        self._owned = owned
        self._core_image: Path | None = None
        self._control_plane: ControlPlane | None = None
        self._node: Kwok | KubeletNode | None = None
        self._services: Services | None = None
        self._chart: charts.ResolvedChart | None = None

    @classmethod
    def start(
        cls,
        parts: AbstractSet[Part] = frozenset(Part),
        *,
        directory: Path | None = None,
        kubelet: bool | None = None,
        core_image: Path | None = None,
    ) -> Lab:
        """A lab with these parts, all ready; what is not in the cache yet is built first.

        `kubelet` says whether the node is a real one; nobody saying so, `HARBOR_LAB_NODE` or the machine decides.
        `core_image`, else what `HARBOR_CORE_IMAGE` names, is an archive with an image to run in the place of core.
        """
        choice = choose(kubelet if Part.NODE in parts else False)
        core_image = core_image or supplied_core_image()
        if core_image and kubelet is None and {Part.NODE, Part.CHART} <= parts and not choice.kubelet:
            raise LabError(f"no pod would run core from '{core_image}'. {choice.describe()}")
        build(programs(parts, choice))
        lab = cls(directory or _scratch(), choice, owned=directory is None)
        lab._core_image = core_image
        try:
            lab._start(parts)
        except BaseException:
            lab.stop()
            raise
        return lab

    @property
    def control_plane(self) -> ControlPlane:
        """The Kubernetes control plane."""
        return _part(self._control_plane, Part.CONTROL_PLANE)

    @property
    def node(self) -> Kwok | KubeletNode:
        """The node on which pods run, or pretend to."""
        return cast("Kwok | KubeletNode", _part(self._node, Part.NODE))

    @property
    def kubelet(self) -> KubeletNode | None:
        """The node, if pods really run there."""
        return self._node if isinstance(self._node, KubeletNode) else None

    @property
    def services(self) -> Services:
        """PostgreSQL, Redis and Ceph, as far as they were asked for."""
        return _part(self._services, Part.POSTGRES)

    @property
    def chart(self) -> charts.ResolvedChart:
        """The Harbor chart that this lab installs."""
        return _part(self._chart, Part.CHART)

    def stop(self) -> None:
        """End every process, and remove the directory if the lab made it."""
        if self.kubelet is not None:
            self.kubelet.stop()
        if self._control_plane is not None:
            self._control_plane.stop()  # an API server that is asked politely takes seconds to go
        self.processes.stop_all()
        if self._owned:
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self, parts: AbstractSet[Part]) -> None:
        """Start the independent parts side by side; the first failure is the one to be told."""
        with ThreadPoolExecutor(max_workers=len(Part)) as pool:
            chart = pool.submit(self._resolve_chart) if Part.CHART in parts else None
            tasks: list[Future[Any]] = [chart] if chart else []
            if parts & SERVICES:
                tasks.append(pool.submit(self._start_services, {part.value for part in parts & SERVICES}))
            if parts & {Part.CONTROL_PLANE, Part.NODE}:
                tasks.append(pool.submit(self._start_cluster, with_node=Part.NODE in parts, chart=chart))
            for task in tasks:
                task.result()

    def _start_cluster(self, *, with_node: bool, chart: Future[charts.ResolvedChart] | None) -> None:
        plane = ControlPlane.start(self.directory, self.processes, self.authority)
        self._control_plane = plane
        if with_node and self.choice.kubelet:
            self._node = self._start_kubelet(plane, chart)
        elif with_node:
            self._node = Kwok.start(plane, self.processes)

    def _start_kubelet(self, plane: ControlPlane, chart: Future[charts.ResolvedChart] | None) -> KubeletNode:
        def meanwhile(node: KubeletNode) -> None:
            if chart is not None:
                import_release(node, chart.result(), self._core_image)

        try:
            return KubeletNode.start(self.directory, plane, self.processes, self.authority, meanwhile=meanwhile)
        except LabError as error:
            raise LabError(f"{error}\n{self.choice.describe()}; `{VARIABLE}={KWOK}` does without it") from error

    def _start_services(self, parts: set[str]) -> None:
        self._services = Services.start(self.directory, self.processes, self.authority, parts=parts)

    def _resolve_chart(self) -> charts.ResolvedChart:
        self._chart = charts.resolve()
        return self._chart


def _part(value: T | None, part: Part) -> T:
    if value is None:
        raise LabError(f"this lab was started without its '{part}'; add it to `Lab.start(parts=...)`")
    return value


def _scratch() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="harbor-operator-lab-"))
    if os.geteuid() == 0:
        directory.chmod(0o711)  # servers that refuse to run as root must be able to reach their own folder in it
    return directory
