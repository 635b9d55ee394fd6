"""Settings of a deployment of the operator: parsed once from HARBOR_OPERATOR_*, frozen, documented per field."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harbor_operator.log_format import LogFormat

PREFIX = "HARBOR_OPERATOR_"


class Settings(BaseModel):
    """Frozen settings; the name of each variable is HARBOR_OPERATOR_ and the field in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    namespace: str = Field(default="harbor-operator", description="Namespace of the operator's own Lease.")
    identity: str = Field(
        default="",
        description="Holder in the Lease, unique per process: the pod's name; empty = the host name and a random UUID.",
    )
    kubeconfig: Path | None = Field(default=None, description="Kubeconfig; absent = the pod's service account.")
    api_host: str = Field(default="kubernetes.default.svc", description="API server's host inside the cluster.")
    api_port: int = Field(default=443, description="API server's port inside the cluster.")
    lease_name: str = Field(default="harbor-operator", description="Name of the Lease that elects the leader.")
    lease_seconds: float = Field(default=15.0, ge=1, le=300, description="How long a dead leader blocks the next.")
    listen_host: str = Field(
        default="::", description="Address of /livez, /readyz and /metrics; `::` = every IPv4 and IPv6 address."
    )
    listen_port: int = Field(default=8080, ge=0, le=65535, description="Port of the same; 0 = any free one.")
    helm: Path = Field(default=Path("helm"), description="The helm 4 binary.")
    charts_dir: Path | None = Field(default=None, description="Folder with charts, as harbor-<version>.tgz.")
    work_dir: Path = Field(default=Path("/tmp/harbor-operator"), description="Writable folder for helm.")  # noqa: S108 - an emptyDir in the pod
    workers: int = Field(
        default=32,
        ge=1,
        le=256,
        description="Namespaces written at a time at most; fewer while the API server is slow.",
    )
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Level of our own log.")
    log_format: LogFormat = Field(
        default=LogFormat.TEXT, description="`text`, or `json`: one JSON object a line, for a log collector."
    )


class SettingsError(Exception):
    """An environment variable is invalid; the message names it and never shows its value."""


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Returns the settings; KUBECONFIG and KUBERNETES_SERVICE_* are the defaults of ours."""
    ours = {key: value for key, value in environment.items() if key.startswith(PREFIX) and value}
    given = {key.removeprefix(PREFIX).lower(): value for key, value in ours.items()}
    fallbacks = {
        "kubeconfig": "KUBECONFIG",
        "api_host": "KUBERNETES_SERVICE_HOST",
        "api_port": "KUBERNETES_SERVICE_PORT",
    }
    for field, variable in fallbacks.items():
        if environment.get(variable):
            given.setdefault(field, environment[variable])
    # A host name alone is not unique: two processes of one host would both believe to hold the Lease.
    given.setdefault("identity", f"{environment.get('HOSTNAME') or socket.gethostname()}_{uuid.uuid4()}")
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        wrong = "; ".join(f"{PREFIX}{str(item['loc'][0]).upper()}: {item['msg']}" for item in error.errors())
        raise SettingsError(wrong) from None
