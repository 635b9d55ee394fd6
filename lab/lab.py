"""The lab as a whole: control plane, node, backing services and chart, started together.

    with Lab.start() as lab:                                   # everything
    with Lab.start(parts={Part.CONTROL_PLANE}) as lab:         # only what a test needs
        lab.control_plane      lab.controlplane.ControlPlane
        lab.node               lab.node.kubelet.KubeletNode where it can run, else lab.kwok.Kwok
        lab.kubelet            the KubeletNode, or None where pods do not run
        lab.choice             lab.node.choice.Choice: which of the two, and why
        lab.services           lab.services.Services (Part.POSTGRES, Part.REDIS, Part.CEPH: any or all)
        lab.chart              lab.chart.ResolvedChart
        lab.authority          lab.certs.Authority, which signs every certificate of the lab
        lab.processes          lab.process.Processes; processes that a test starts with it end with the lab
        lab.directory          state and, in logs/, one log per server

Using a part that was not started raises LabError. The directory is removed at the end, unless the caller named it. The
error of a failed start quotes the logs.
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
from lab.node.programs import node_programs
from lab.node.release import import_release, supplied_core_image
from lab.process import LabError, Processes
from lab.services import Services

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from types import TracebackType


T = TypeVar("T")


class Part(StrEnum):
    """A part that can be started separately."""

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
"""The Go programs of each part, besides those of the selected node."""


def programs(parts: AbstractSet[Part], choice: Choice) -> set[str]:
    """Returns the Go programs of a lab with these parts."""
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
        """Returns a lab with these parts, all ready; missing programs are built first. Raises LabError.

        `kubelet` selects the real node or KWOK; None lets `HARBOR_LAB_NODE` or the machine decide. `core_image`, by
        default the value of `HARBOR_CORE_IMAGE`, is an archive with an image that replaces the stand-in for core.
        """
        choice = choose(kubelet if Part.NODE in parts else False)
        core_image = core_image or supplied_core_image()
        if core_image and kubelet is None and {Part.NODE, Part.CHART} <= parts and not choice.kubelet:
            raise LabError(f"pods do not run, so core cannot run from '{core_image}'. {choice.describe()}")
        lab = cls(directory or _temporary_directory(), choice, owned=directory is None)
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
        """The node, real or simulated."""
        return cast("Kwok | KubeletNode", _part(self._node, Part.NODE))

    @property
    def kubelet(self) -> KubeletNode | None:
        """The node if it is real, else None."""
        return self._node if isinstance(self._node, KubeletNode) else None

    @property
    def services(self) -> Services:
        """PostgreSQL, Redis and Ceph, if they were started."""
        return _part(self._services, Part.POSTGRES)

    @property
    def chart(self) -> charts.ResolvedChart:
        """The Harbor chart that this lab installs."""
        return _part(self._chart, Part.CHART)

    def stop(self) -> None:
        """Ends every process, and removes the directory if the lab created it."""
        if self.kubelet is not None:
            self.kubelet.stop()
        if self._control_plane is not None:
            self._control_plane.stop()  # a graceful end of the API server takes seconds
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
        """Starts independent parts in parallel, each as soon as it has its programs; raises the first failure."""
        with ThreadPoolExecutor() as pool:
            tasks: list[Future[Any]] = [pool.submit(build, programs(parts, self.choice))]
            if Part.NODE in parts and self.choice.kubelet:
                tasks.append(pool.submit(node_programs))
            chart = pool.submit(self._resolve_chart) if Part.CHART in parts else None
            tasks += [chart] if chart else []
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
            raise LabError(f"{error}\n{self.choice.describe()}; `{VARIABLE}={KWOK}` uses KWOK instead") from error

    def _start_services(self, parts: set[str]) -> None:
        self._services = Services.start(self.directory, self.processes, self.authority, parts=parts)

    def _resolve_chart(self) -> charts.ResolvedChart:
        self._chart = charts.resolve()
        return self._chart


def _part(value: T | None, part: Part) -> T:
    if value is None:
        raise LabError(f"this lab was started without its '{part}'; add it to `Lab.start(parts=...)`")
    return value


def _temporary_directory() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="harbor-operator-lab-"))
    if os.geteuid() == 0:
        directory.chmod(0o711)  # servers that cannot run as root need access to their folder
    return directory
