"""What belongs to a deployment of the operator: parsed once from HARBOR_OPERATOR_*, frozen, documented per field."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from harbor_operator.model.chart_sources import ChartSources

PREFIX = "HARBOR_OPERATOR_"


def _check_chart_sources(text: str) -> str:
    ChartSources.parse(text)
    return text


class Settings(BaseModel):
    """Frozen settings; the name of each variable is HARBOR_OPERATOR_ and the field in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    namespace: str = Field(default="harbor-operator", description="Namespace of the operator's own Lease.")
    identity: str = Field(default="harbor-operator", min_length=1, description="Name in the Lease; the pod's name.")
    kubeconfig: Path | None = Field(default=None, description="Kubeconfig; absent = the pod's service account.")
    api_host: str = Field(default="kubernetes.default.svc", description="API server's host inside the cluster.")
    api_port: int = Field(default=443, description="API server's port inside the cluster.")
    lease_name: str = Field(default="harbor-operator", description="Name of the Lease that elects the leader.")
    lease_seconds: float = Field(default=15.0, ge=1, le=300, description="How long a dead leader blocks the next.")
    listen_host: str = Field(default="0.0.0.0", description="Address of /livez, /readyz and /metrics.")  # noqa: S104 - probes come from the node
    listen_port: int = Field(default=8080, ge=0, le=65535, description="Port of the same; 0 = any free one.")
    helm: Path = Field(default=Path("helm"), description="The helm 4 binary.")
    charts_dir: Path | None = Field(default=None, description="Folder with charts, as harbor-<version>.tgz.")
    chart_sources: Annotated[str, AfterValidator(_check_chart_sources)] = Field(
        default="https://helm.goharbor.io",
        description="Allowed sources of charts, separated by commas: https:// and oci:// URLs with everything below "
        "them, and absolute directories. Charts in `HARBOR_OPERATOR_CHARTS_DIR` are always allowed.",
    )
    work_dir: Path = Field(default=Path("/tmp/harbor-operator"), description="Writable folder for helm.")  # noqa: S108 - an emptyDir in the pod
    workers: int = Field(
        default=32,
        ge=1,
        le=256,
        description="Namespaces written at a time at most; fewer while the API server is slow.",
    )
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Level of our own log.")


class SettingsError(Exception):
    """A variable of the environment is wrong; the message names it and never shows its value."""


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Returns the settings; KUBECONFIG and KUBERNETES_SERVICE_* stand in where ours are absent."""
    ours = {key: value for key, value in environment.items() if key.startswith(PREFIX) and value}
    given = {key.removeprefix(PREFIX).lower(): value for key, value in ours.items()}
    fallbacks = {
        "kubeconfig": "KUBECONFIG",
        "api_host": "KUBERNETES_SERVICE_HOST",
        "api_port": "KUBERNETES_SERVICE_PORT",
        "identity": "HOSTNAME",
    }
    for field, variable in fallbacks.items():
        if environment.get(variable):
            given.setdefault(field, environment[variable])
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        wrong = "; ".join(f"{PREFIX}{str(item['loc'][0]).upper()}: {item['msg']}" for item in error.errors())
        raise SettingsError(wrong) from None
