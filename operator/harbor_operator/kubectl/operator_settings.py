"""The settings of the operator on which a check of `doctor` depends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harbor_operator.model.chart_sources import ChartSources
from harbor_operator.model.egress import UNRESTRICTED, Egress


@dataclass(frozen=True, slots=True)
class OperatorSettings:
    """The settings; by default those of a person's computer: every host, no proxy, the `helm` on PATH."""

    chart_sources: ChartSources
    charts_dir: Path | None = None
    egress: Egress = UNRESTRICTED
    postgres_md5: bool = False
    helm: str = "helm"
    helm_environment: Mapping[str, str] = field(default_factory=dict, repr=False)
