"""Settings of the deployment, parsed once from the environment variables HARBOR_OPERATOR_*."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from harbor_operator.log_format import LogFormat
from harbor_operator.model.chart_sources import ChartSources

PREFIX = "HARBOR_OPERATOR_"


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(name for part in value.split(",") if (name := part.strip()))


def _check_chart_sources(text: str) -> str:
    ChartSources.parse(text)
    return text


class Settings(BaseModel):
    """Frozen settings; each variable is HARBOR_OPERATOR_ followed by the field in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    namespace: str = Field(default="harbor-operator", description="Namespace of the Lease that elects the leader.")
    identity: str = Field(
        default="",
        description="Holder identity in the Lease: the name of the pod; empty = the host name and a random UUID.",
    )
    cluster_id: str = Field(
        default="",
        max_length=63,
        pattern=r"^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$",
        description="Identity of the cluster in Harbor and in the object store; empty = uid of Namespace kube-system. "
        "No two clusters may have the same. A change makes the operator a stranger to what it has created.",
    )
    kubeconfig: Path | None = Field(
        default=None, description="Path of a kubeconfig; empty = the service account of the pod."
    )
    api_host: str = Field(default="kubernetes.default.svc", description="Host of the API server inside the cluster.")
    api_port: int = Field(default=443, description="Port of the API server inside the cluster.")
    lease_name: str = Field(default="harbor-operator", description="Name of the Lease that elects the leader.")
    lease_seconds: float = Field(
        default=15.0,
        ge=1,
        le=300,
        description="Lease duration: seconds until another replica takes over from a lost leader.",
    )
    listen_host: str = Field(
        default="::", description="Address of /livez, /readyz and /metrics; `::` = every IPv4 and IPv6 address."
    )
    listen_port: int = Field(
        default=8080, ge=0, le=65535, description="Port of /livez, /readyz and /metrics; 0 = any free port."
    )
    helm: Path = Field(default=Path("helm"), description="Path of the Helm 4 binary.")
    helm_runs: int = Field(
        default=4,
        ge=1,
        le=64,
        description="Maximum number of Helm runs at once; each namespace has one of them at most.",
    )
    charts_dir: Path | None = Field(default=None, description="Directory with charts named harbor-<version>.tgz.")
    chart_sources: Annotated[str, AfterValidator(_check_chart_sources)] = Field(
        default="https://helm.goharbor.io",
        description="Allowed sources of charts, separated by commas: https:// and oci:// URLs with everything below "
        "them, and absolute directories. Charts in `HARBOR_OPERATOR_CHARTS_DIR` are always allowed.",
    )
    work_dir: Path = Field(default=Path("/tmp/harbor-operator"), description="Writable directory for Helm.")  # noqa: S108 - an emptyDir in the pod
    http_proxy: str = Field(default="", description="Proxy of Helm for http://; empty = the variable HTTP_PROXY.")
    https_proxy: str = Field(default="", description="Proxy of Helm for https://; empty = the variable HTTPS_PROXY.")
    no_proxy: str = Field(
        default="",
        description="Hosts that Helm reaches without a proxy; empty = the variable NO_PROXY. The API server of the "
        "cluster is always one of them.",
    )
    workers: int = Field(
        default=32,
        ge=1,
        le=256,
        description="Maximum number of namespaces that are written concurrently; lower while the API server is slow.",
    )
    injection_namespaces: Annotated[tuple[str, ...], BeforeValidator(_split)] = Field(
        default=(),
        description="Namespaces whose HarborRegistries may inject pull Secrets into the cluster: names and shell "
        "patterns, separated by commas; `*` = all, empty = none.",
    )
    log_level: str = Field(
        default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Log level of the operator."
    )
    log_format: LogFormat = Field(
        default=LogFormat.TEXT, description="Log format: `text`, or `json` for one JSON object a line."
    )

    def helm_environment(self, api_host: str) -> dict[str, str]:
        """Returns the proxy variables for Helm; empty without a proxy."""
        if not (self.http_proxy or self.https_proxy):
            return {}
        # With a proxy, Helm would also send its requests to the API server there.
        no_proxy = ",".join(filter(None, (self.no_proxy, api_host)))
        given = {"HTTP_PROXY": self.http_proxy, "HTTPS_PROXY": self.https_proxy, "NO_PROXY": no_proxy}
        return {name: value for name, value in given.items() if value}


class SettingsError(Exception):
    """An environment variable is invalid; the message names it and never contains its value."""


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Returns the settings; KUBECONFIG, KUBERNETES_SERVICE_* and *_PROXY are the fallbacks."""
    ours = {key: value for key, value in environment.items() if key.startswith(PREFIX) and value}
    given = {key.removeprefix(PREFIX).lower(): value for key, value in ours.items()}
    fallbacks = {
        "kubeconfig": "KUBECONFIG",
        "api_host": "KUBERNETES_SERVICE_HOST",
        "api_port": "KUBERNETES_SERVICE_PORT",
        "http_proxy": "HTTP_PROXY",
        "https_proxy": "HTTPS_PROXY",
        "no_proxy": "NO_PROXY",
    }
    for field, variable in fallbacks.items():
        if environment.get(variable):
            given.setdefault(field, environment[variable])
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        wrong = "; ".join(f"{PREFIX}{str(item['loc'][0]).upper()}: {item['msg']}" for item in error.errors())
        raise SettingsError(wrong) from None
