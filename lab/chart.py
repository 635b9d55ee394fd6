"""Selects the Harbor chart that the lab installs.

    chart = resolve()          # ResolvedChart(reference, version, origin); reference is a directory or a .tgz
    chart.describe()           # "Harbor chart 1.19.1 from HARBOR_CHART (…)", to be printed
    chart.official             # False for the lab's chart
    official_charts()          # the charts of several versions, by version, from HARBOR_CHARTS

Sources, in this order: `HARBOR_CHART` (a directory or a .tgz); `charts/harbor-VERSION.tgz` in the lab's cache; `helm
pull` of the official chart from the operator's default repository (without a network this costs a few seconds); the
lab's chart, which accepts the same values and rejects all others.
"""

from __future__ import annotations

import os
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from lab.cache import cache_dir, locked
from lab.gotools import program
from lab.process import LabError

if TYPE_CHECKING:
    from collections.abc import Callable

VERSION = "1.19.1"
VARIABLE = "HARBOR_CHART"
ALL_VARIABLE = "HARBOR_CHARTS"
LAB_CHART = Path(__file__).parent / "chart"
PULL_SECONDS = 10


@dataclass(frozen=True)
class ResolvedChart:
    """A chart for helm."""

    reference: str
    version: str
    origin: str

    @property
    def official(self) -> bool:
        """Whether this is the Harbor project's chart (or the user's), not the lab's."""
        return self.reference != str(LAB_CHART)

    def describe(self) -> str:
        """Returns version and origin, to be printed."""
        return f"Harbor chart {self.version} from {self.origin}"


def resolve(version: str = VERSION, *, pull: Callable[[str], str | None] | None = None) -> ResolvedChart:
    """Returns the chart of this version from the first source that has it. Raises LabError for a bad `HARBOR_CHART`.

    `pull` downloads the official chart into the cache and returns the error, or None; the default runs helm.
    """
    given = os.environ.get(VARIABLE)
    if given:
        return _given(Path(given).expanduser().resolve())
    kept = cached(version)
    if kept.exists():
        return ResolvedChart(str(kept), _version_of(kept), f"the cache ({kept})")
    with locked("charts"):
        problem = None if kept.exists() else (pull or _pull)(version)
    if problem is None:
        return ResolvedChart(str(kept), _version_of(kept), f"its repository (kept as {kept})")
    origin = f"the lab itself, because the official chart could not be fetched ({problem}); set {VARIABLE} to use it"
    return ResolvedChart(str(LAB_CHART), _version_of(LAB_CHART), origin)


def source_directories() -> list[Path]:
    """The directories from which the lab takes charts, for the operator's list of allowed sources."""
    given = [os.environ.get(name) for name in (VARIABLE, ALL_VARIABLE)]
    return [LAB_CHART, cached().parent, *(Path(path).expanduser().resolve() for path in given if path)]


def official_charts() -> dict[str, Path]:
    """Returns the charts below `HARBOR_CHARTS` by version: a directory 'VERSION/harbor' for each, oldest first."""
    given = os.environ.get(ALL_VARIABLE)
    found = Path(given).expanduser().resolve().glob("*/harbor/Chart.yaml") if given else ()
    charts = {_version_of(path.parent): path.parent for path in found}
    return dict(sorted(charts.items(), key=lambda item: [int(number) for number in item[0].split(".")]))


def cached(version: str = VERSION) -> Path:
    """Returns the path of the official chart in the cache; a file that was placed there manually is used too."""
    return cache_dir() / "charts" / f"harbor-{version}.tgz"


def _given(path: Path) -> ResolvedChart:
    if not path.exists():
        raise LabError(f"{VARIABLE} names '{path}', which does not exist; unset it or name a chart directory or .tgz")
    return ResolvedChart(str(path), _version_of(path), f"{VARIABLE} ({path})")


def _version_of(chart: Path) -> str:
    try:
        facts = yaml.safe_load(_chart_yaml(chart))
        name, version = facts["name"], facts["version"]
    except (OSError, tarfile.TarError, KeyError, TypeError, yaml.YAMLError) as error:
        raise LabError(f"'{chart}' is not a Helm chart: {error}") from error
    if name != "harbor":
        raise LabError(f"'{chart}' is the chart '{name}', not 'harbor'")
    return str(version)


def _chart_yaml(chart: Path) -> bytes:
    if chart.is_dir():
        return (chart / "Chart.yaml").read_bytes()
    with tarfile.open(chart) as archive:
        member = archive.extractfile("harbor/Chart.yaml")
        if member is None:
            raise KeyError("harbor/Chart.yaml")
        return member.read()


def _pull(version: str) -> str | None:
    try:
        from harbor_operator.api.v1alpha1 import Release  # noqa: PLC0415 - the lab also runs without the operator
    except ModuleNotFoundError:
        return "the operator, which knows the repository, is not installed here"
    repository = str(Release.model_fields["repository"].default)
    target = cached(version)
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        argv = [str(program("helm")), "pull", "harbor", "--repo", repository, "--version", version, "-d", scratch]
        homes = {f"HELM_{kind}_HOME": scratch for kind in ("CACHE", "CONFIG", "DATA")}
        try:
            done = subprocess.run(
                argv, capture_output=True, text=True, timeout=PULL_SECONDS, check=False, env={**os.environ, **homes}
            )
        except subprocess.TimeoutExpired:
            return f"no answer within {PULL_SECONDS} s"
        if done.returncode:
            return done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"helm status {done.returncode}"
        (Path(scratch) / target.name).replace(target)
    return None
