"""`version`: this command, the operator and the CRD, and whether they fit."""

from __future__ import annotations

import argparse
from typing import Any

from harbor_operator import __version__
from harbor_operator.api.kind import CRD_VERSION, GROUP, PLURAL
from harbor_operator.kubectl.cluster import Cluster, Manifest, connect
from harbor_operator.kubectl.output import table, write, write_json
from harbor_operator.kubectl.target import target_of

UNKNOWN = "unknown"
_CRD = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{PLURAL}.{GROUP}"
_VERSION_LABEL = "app.kubernetes.io/version"


def run(options: argparse.Namespace) -> int:
    """Prints the three versions; returns 1 if they are not equal."""
    with connect(target_of(options)) as cluster:
        operators = read_operators(cluster, options.operator_namespace)
        crd = read_crd(cluster)
    problems = find_skew(operators, crd, options.operator_namespace)
    if options.output == "json":
        write_json({"command": __version__, "operators": operators, "crd": crd, "problems": problems})
    else:
        rows = [("COMPONENT", "VERSION"), ("kubectl harbor", __version__), ("CRD", crd or "not installed")]
        write([*table([*rows, *((f"operator {name}", version) for name, version in operators.items())]), *problems])
    return 1 if problems else 0


def read_operators(cluster: Cluster, namespace: str) -> dict[str, str]:
    """Returns the version of each Deployment of the operator by 'namespace/name'."""
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    found = cluster.get(path, labelSelector="app.kubernetes.io/name=harbor-operator")["items"]
    return {f"{namespace}/{item['metadata']['name']}": version_of(item) for item in found}


def read_crd(cluster: Cluster) -> str:
    """Returns the version of the CRD; empty if it is not installed, UNKNOWN without the mark."""
    found = cluster.find(_CRD)
    return "" if found is None else str((found["metadata"].get("annotations") or {}).get(CRD_VERSION, UNKNOWN))


def version_of(deployment: Manifest) -> str:
    """Returns the version of a Deployment: that of its label (Helm), else the tag of its image."""
    if label := (deployment["metadata"].get("labels") or {}).get(_VERSION_LABEL):
        return str(label)
    image = str(deployment["spec"]["template"]["spec"]["containers"][0]["image"]).partition("@")[0]
    return image.rpartition("/")[2].partition(":")[2].removeprefix("v") or UNKNOWN


def find_skew(operators: dict[str, Any], crd: str, namespace: str) -> list[str]:
    """Returns what differs and what to do about it."""
    problems = []
    if not crd:
        problems.append("The CRD is not installed: apply `crds/` of the operator's version.")
    if not operators:
        problems.append(f"No operator runs in namespace '{namespace}': set `--operator-namespace`, or install it.")
    for name, version in operators.items():
        if crd and version != crd:
            problems.append(f"The CRD is of version {crd}, the operator '{name}' of {version}: apply its `crds/`.")
        if version != __version__:
            problems.append(f"This command is of version {__version__}, the operator '{name}' of {version}.")
    return problems
