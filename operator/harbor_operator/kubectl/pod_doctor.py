"""`harbor-operator doctor`: the checks of `kubectl harbor doctor --in-cluster`, in a pod with the operator's settings.

It prints one JSON object a line: which checks still run, then the findings, or the error that ended it.
"""

from __future__ import annotations

import http.client
import json
import sys
from collections.abc import Collection
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

from harbor_operator.adapters.kube_connection import in_cluster
from harbor_operator.kubectl.areas import Area
from harbor_operator.kubectl.cluster import Cluster
from harbor_operator.kubectl.doctor import CLUSTER_ID_PATH, as_mapping
from harbor_operator.kubectl.errors import CommandError
from harbor_operator.kubectl.operator_settings import OperatorSettings
from harbor_operator.kubectl.preflight import Options, check, parse_sources
from harbor_operator.kubectl.rendered import read_registry
from harbor_operator.ports import Refused
from harbor_operator.settings import Settings


class PodOptions(NamedTuple):
    """The arguments of the command; `namespace` counts if the file names none."""

    filename: str
    namespace: str
    only: Collection[Area]
    timeout_seconds: float


def run(settings: Settings, chosen: PodOptions) -> int:
    """Prints progress and findings; returns 1 if it could not look."""
    known = OperatorSettings(
        parse_sources(settings.chart_sources),
        settings.charts_dir,
        settings.egress(),
        settings.postgres_md5,
        str(settings.helm),
        settings.helm_environment(),
    )
    clock = partial(datetime.now, UTC)
    options = Options(known, chosen.only, chosen.timeout_seconds, clock, _print_progress, checks_account=False)
    try:
        cluster = _connect(settings, chosen)
        cluster_id = settings.cluster_id or cluster.get(CLUSTER_ID_PATH)["metadata"]["uid"]
        registry = read_registry(chosen.filename, chosen.namespace, cluster_id)
        _print(as_mapping(registry.key, check(cluster, registry, options)))
    except (CommandError, Refused) as error:
        _print({"error": str(error)})
        return 1
    return 0


def _connect(settings: Settings, chosen: PodOptions) -> Cluster:
    """Returns the API server as the service account of the pod reaches it; its token outlives this process."""
    connection = in_cluster(settings.api_host, settings.api_port)
    context = connection.ssl_context()
    token = connection.authorization.get_secret_value() if connection.authorization else ""

    def opened(seconds: float) -> http.client.HTTPConnection:
        return http.client.HTTPSConnection(settings.api_host, settings.api_port, timeout=seconds, context=context)

    return Cluster(opened, chosen.namespace, chosen.timeout_seconds, {"Authorization": token})


def _print_progress(running: Collection[str]) -> None:
    _print({"running": [*running]})


def _print(content: dict[str, Any]) -> None:
    sys.stdout.write(f"{json.dumps(content)}\n")
    sys.stdout.flush()
