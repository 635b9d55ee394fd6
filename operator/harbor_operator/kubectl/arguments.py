"""Arguments of the command line as data: the parser, the completion and the page are made from them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from harbor_operator.kubectl.areas import Area, parse_areas


class Values(StrEnum):
    """What the shell completes for an argument."""

    NOTHING = "nothing"
    REGISTRIES = "registries"
    NAMESPACES = "namespaces"
    PODS = "pods"
    PROBLEMS = "problems"
    FILES = "files"
    AREAS = "areas"


class Argument(NamedTuple):
    """An argument of the command line; `options` are those of argparse."""

    names: tuple[str, ...]
    help: str
    completes: Values = Values.NOTHING
    options: Mapping[str, Any] = {}

    @property
    def takes_value(self) -> bool:
        """Whether a flag is followed by a value."""
        return self.names[0].startswith("-") and self.options.get("action") in {None, "append", "extend"}


NAME = Argument(
    ("name",),
    "HarborRegistry; without it, the only one of the namespace",
    Values.REGISTRIES,
    {"nargs": "?", "default": ""},
)
WAIT = Argument(("--wait",), "wait for the result", options={"action": "store_true"})
TIMEOUT = Argument(
    ("--timeout",), "seconds for `--wait`", options={"type": float, "default": 300.0, "metavar": "SECONDS"}
)
OUTPUT = Argument(("-o", "--output"), "format of the result")
REGISTRY_FILE = Argument(
    ("-f", "--filename"),
    "file with one HarborRegistry; `-` is standard input",
    Values.FILES,
    {"required": True, "metavar": "FILE"},
)

IMAGE = Argument(
    ("--image",),
    "image to request, for example cr.example.com/team-a/app:1; without it, only the login is tried",
    options={"default": "", "metavar": "IMAGE"},
)
LOG_FILE = Argument(
    ("--file",),
    "read this file instead of the cluster; `-` is standard input, for example for containerd's log",
    Values.FILES,
    {"default": "", "metavar": "FILE"},
)
CHART_SOURCES = Argument(
    ("--chart-sources",),
    "allowed sources of charts, as in the operator's setting",
    options={"default": "https://helm.goharbor.io", "metavar": "SOURCES"},
)
CLUSTER_ID = Argument(
    ("--cluster-id",),
    "identity of the cluster, if the operator's setting has one",
    options={"default": "", "metavar": "ID"},
)
CHECK_TIMEOUT = TIMEOUT._replace(help="seconds for each check", options={**TIMEOUT.options, "default": 20.0})
PLAN_TIMEOUT = TIMEOUT._replace(help="seconds for each part of the plan", options={**TIMEOUT.options, "default": 60.0})
AREAS = Argument(
    ("--only",),
    f"areas to check, a comma list or repeated: {', '.join(Area)}; default: all",
    Values.AREAS,
    {"type": parse_areas, "action": "extend", "default": [], "metavar": "AREA"},
)
INJECTION_NAMESPACES = Argument(
    ("--injection-namespaces",),
    "namespaces whose registries may inject, as in the operator's setting; default: all",
    options={"default": "*", "metavar": "NAMESPACES"},
)
OPERATOR_NAMESPACE = Argument(
    ("--operator-namespace",),
    "namespace of the operator",
    Values.NAMESPACES,
    {"default": "harbor-operator", "metavar": "NAMESPACE"},
)
IN_CLUSTER = Argument(
    ("--in-cluster",),
    "check from a Job beside the operator, with its settings, account and network",
    options={"action": "store_true"},
)
SERVICE_ACCOUNT = Argument(
    ("--service-account",),
    "service account of the Job, in the namespace of the operator; default: that of the operator",
    options={"default": "", "metavar": "NAME"},
)
CA_FILE = Argument(
    ("--ca-file",),
    "PEM file with the CA of the registry, beside those of this computer",
    Values.FILES,
    {"default": "", "metavar": "FILE"},
)
URL = Argument(("--url",), "URL of Harbor, as clients type it", options={"required": True, "metavar": "URL"})
USERNAME = Argument(("--username",), "administrator of Harbor", options={"default": "admin", "metavar": "NAME"})
PASSWORD_FILE = Argument(
    ("--password-file",),
    "file with the password of the administrator; `-` is standard input",
    Values.FILES,
    {"required": True, "metavar": "FILE"},
)

CLUSTER_ARGUMENTS = (
    Argument(("-n", "--namespace"), "namespace; default: that of the context", Values.NAMESPACES, {"default": ""}),
    Argument(("--context",), "context of the kubeconfig", options={"default": ""}),
    Argument(("--kubeconfig",), "path of the kubeconfig", Values.FILES, {"default": ""}),
    Argument(("--as",), "user to impersonate", options={"default": "", "dest": "as_user"}),
    Argument(("--as-group",), "group to impersonate; repeatable", options={"action": "append", "default": []}),
    Argument(
        ("--request-timeout",),
        "seconds for one answer of the API server",
        options={"type": float, "default": 30.0, "metavar": "SECONDS"},
    ),
)
"""The arguments of kubectl that every verb with a cluster passes on."""
