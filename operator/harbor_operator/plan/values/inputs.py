"""What the sections of the values file are made from."""

from __future__ import annotations

from dataclasses import dataclass

from harbor_operator.api.charts import ChartSupport, Feature
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.release import ReleaseSecrets


@dataclass(frozen=True, slots=True)
class Inputs:
    """One registry, what its chart supports and what its Secrets hold."""

    registry: HarborRegistry
    chart: ChartSupport
    release_secrets: ReleaseSecrets
    trivy: bool = False

    @property
    def hides_redis_password(self) -> bool:
        """Whether the Redis password can be kept out of ConfigMaps.

        Trivy's pod takes its URL from the chart only (a second variable of that name is refused by the API server),
        so with Trivy the chart needs the password.
        """
        from_chart = self.trivy or not self.chart.supports(Feature.EXTRA_ENV)
        return self.release_secrets.cache_password is not None and not from_chart
