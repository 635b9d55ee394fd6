"""Settings of the deployment, parsed once from the environment variables HARBOR_OPERATOR_*."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from harbor_operator.log_format import LogFormat
from harbor_operator.model.chart_sources import ChartSources
from harbor_operator.model.egress import AllowedHosts, Egress, Proxy, ProxyRules

PREFIX = "HARBOR_OPERATOR_"
FALLBACKS = {
    "kubeconfig": ("KUBECONFIG",),
    "api_host": ("KUBERNETES_SERVICE_HOST",),
    "api_port": ("KUBERNETES_SERVICE_PORT",),
    "http_proxy": ("HTTP_PROXY", "http_proxy"),
    "https_proxy": ("HTTPS_PROXY", "https_proxy"),
    "no_proxy": ("NO_PROXY", "no_proxy"),
}
"""The variables that a setting has its value from, if it is not set itself; the first one that is set counts."""


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(name for part in value.split(",") if (name := part.strip()))


def _check_chart_sources(text: str) -> str:
    ChartSources.parse(text)
    return text


def _check_hosts(text: str) -> str:
    AllowedHosts.parse(text)
    return text


def _check_proxy(url: SecretStr) -> SecretStr:
    Proxy.parse(url.get_secret_value())
    return url


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
        description="Identity of the cluster in Harbor, PostgreSQL and the object store; empty = uid of Namespace "
        "kube-system. "
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
    http_proxy: Annotated[SecretStr, AfterValidator(_check_proxy)] = Field(
        default=SecretStr(""),
        description="Proxy for http:// of Helm and of the requests to Harbor and the object store; empty = the "
        "variable HTTP_PROXY or http_proxy.",
    )
    https_proxy: Annotated[SecretStr, AfterValidator(_check_proxy)] = Field(
        default=SecretStr(""),
        description="Proxy for https://, itself an http:// URL, as above; empty = the variable HTTPS_PROXY or "
        "https_proxy.",
    )
    no_proxy: str = Field(
        default="",
        description="Hosts that are reached without a proxy, as in Go: names with everything below them, `.domain`, "
        "addresses and networks, with an optional port; empty = the variable NO_PROXY or no_proxy. The API server of "
        "the cluster is always one of them.",
    )
    allowed_hosts: Annotated[str, AfterValidator(_check_hosts)] = Field(
        default="",
        description="Hosts that a HarborRegistry may name for Harbor, PostgreSQL, Redis, the object store and the "
        "OpenID provider, separated by commas: names, `*.domain`, addresses and networks, with an optional port; "
        "empty = every host.",
    )
    postgres_md5: bool = Field(
        default=False,
        description="Whether the operator logs in to PostgreSQL with the method md5 too, if the server offers no "
        "scram-sha-256.",
    )
    helm_ca_file: Path | None = Field(
        default=None,
        description="File with certificate authorities in PEM that Helm trusts besides the system's, for example of a "
        "chart repository.",
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
    robot_secret_namespaces: Annotated[
        tuple[Annotated[str, Field(pattern="^[^/]+/[^/]+$")], ...], BeforeValidator(_split)
    ] = Field(
        default=(),
        description="Where a HarborRegistry may write the Secrets of its robots (`spec.projects[].robots[].secret`) "
        "beside its own namespace: pairs `REGISTRY-NAMESPACE/SECRET-NAMESPACE` of names and shell patterns, separated "
        "by commas. Each such namespace also needs the rights in `deploy/examples/robot-secrets.yaml`.",
    )
    pull_proof_namespaces: int = Field(
        default=3,
        ge=0,
        le=100,
        description="Number of namespaces of each HarborRegistry whose pull Secret is tried against Harbor in each "
        "interval, each namespace in its turn; 0 = none.",
    )
    pull_proof_interval_seconds: float = Field(
        default=600.0,
        ge=10,
        le=86400,
        description="Seconds after which the pull Secrets of the next namespaces are tried, in the next reconciliation "
        "of the HarborRegistry.",
    )
    log_level: str = Field(
        default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Log level of the operator."
    )
    log_format: LogFormat = Field(
        default=LogFormat.TEXT, description="Log format: `text`, or `json` for one JSON object a line."
    )

    def egress(self) -> Egress:
        """Returns the allowed hosts and the proxies of the operator's own clients."""
        http, https = self.http_proxy.get_secret_value(), self.https_proxy.get_secret_value()
        return Egress(AllowedHosts.parse(self.allowed_hosts), ProxyRules.parse(http, https, self.no_proxy))

    def helm_environment(self) -> dict[str, str]:
        """Returns the variables for the processes of Helm that get a chart: the proxies and additional authorities."""
        http, https = self.http_proxy.get_secret_value(), self.https_proxy.get_secret_value()
        given = {
            "HTTP_PROXY": http,
            "HTTPS_PROXY": https,
            "NO_PROXY": self.no_proxy if http or https else "",
            "SSL_CERT_FILE": str(self.helm_ca_file or ""),
        }
        return {name: value for name, value in given.items() if value}


class SettingsError(Exception):
    """An environment variable is invalid; the message names it and never contains its value."""


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Returns the settings; KUBECONFIG, KUBERNETES_SERVICE_* and *_PROXY are the fallbacks."""
    variables = {key.removeprefix(PREFIX).lower(): key for key, value in environment.items() if _is_ours(key, value)}
    for field, fallbacks in FALLBACKS.items():
        if field not in variables and (found := next(filter(environment.get, fallbacks), None)):
            variables[field] = found
    try:
        return Settings.model_validate({field: environment[variable] for field, variable in variables.items()})
    except ValidationError as error:
        wrong = "; ".join(f"{variables[str(item['loc'][0])]}: {item['msg']}" for item in error.errors())
        raise SettingsError(wrong) from None


def _is_ours(variable: str, value: str) -> bool:
    return variable.startswith(PREFIX) and bool(value)
