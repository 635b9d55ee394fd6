"""The verbs for a spec and for an installation: before it, or beside it."""

from __future__ import annotations

from harbor_operator import __version__
from harbor_operator.kubectl.arguments import (
    AREAS,
    CA_FILE,
    CHART_SOURCES,
    CHECK_TIMEOUT,
    CLUSTER_ID,
    IN_CLUSTER,
    INJECTION_NAMESPACES,
    OPERATOR_NAMESPACE,
    PASSWORD_FILE,
    PLAN_TIMEOUT,
    REGISTRY_FILE,
    SERVICE_ACCOUNT,
    TIMEOUT,
    URL,
    USERNAME,
    Argument,
    Values,
)
from harbor_operator.kubectl.rights import DOCTOR, DOCTOR_IN_CLUSTER, PLAN
from harbor_operator.kubectl.verb import Verb

SETUP: tuple[Verb, ...] = (
    Verb(
        "images",
        "list every image that the chart of a spec uses, for a mirror or an air gap",
        "images",
        (
            REGISTRY_FILE,
            Argument(
                ("--chart",),
                "archive or directory of the chart; default: the source in the spec",
                Values.FILES,
                {"default": "", "metavar": "CHART"},
            ),
        ),
        needs_cluster=False,
        description="It renders the chart with your `helm` and the operator's values, with placeholders for Secrets. "
        "`spec.release.valuesFrom` is not read. It needs the package; the single file does not contain it.",
    ),
    Verb(
        "doctor",
        "check what of a spec will not work, before the installation or while it runs",
        "doctor",
        (
            *(REGISTRY_FILE, AREAS, CHART_SOURCES, CLUSTER_ID, CHECK_TIMEOUT),
            *(IN_CLUSTER, SERVICE_ACCOUNT, OPERATOR_NAMESPACE),
        ),
        (*DOCTOR, *DOCTOR_IN_CLUSTER),
        formats=("table", "json", "yaml", "junit"),
        description="It runs the operator's own checks of PostgreSQL, Redis, the object store, the release with its "
        "chart and service account, `spec.externalURL` and the login provider at the same time, from this computer. It "
        "changes nothing in the cluster, PostgreSQL and Redis, and removes the objects with which it probes the store. "
        "It needs the package; the single file has only `--in-cluster`, which needs the rights in the namespace of the "
        "operator and no others. The exit code is 1 if a check fails.",
    ),
    Verb(
        "plan",
        "show what the operator would create, change or remove for a spec, and write nothing",
        "plan",
        (REGISTRY_FILE, INJECTION_NAMESPACES, CLUSTER_ID, PLAN_TIMEOUT),
        PLAN,
        description="It runs the operator's own steps, from this computer, with connections that only read. Without "
        "one of its rights, the part that needs it is `not observed`. The Secret in the whole cluster is that of "
        "`spec.pullSecrets.secretName`, also after its change. Only `spec.release` and the robots of projects list "
        "Secrets in its namespace, and only `admissionPolicy: Enabled` reads policies. It needs the package; the "
        "single file does not contain it. The exit code is 0 only if everything was observed and nothing would "
        "change, else 1.",
    ),
    Verb(
        "export",
        "print the projects and jobs of a Harbor that runs already as a HarborRegistry",
        "export",
        (URL, USERNAME, PASSWORD_FILE, CA_FILE, TIMEOUT._replace(help="seconds for all requests")),
        needs_cluster=False,
        description="It asks Harbor only with GET, as an administrator, and prints no password: comments name the "
        "Secrets to create. Settings of Harbor, its login providers, robots, users and labels are not exported; "
        "comments name the robots of projects. It needs the package; the single file does not contain it. The exit "
        "code is 1 if an entry has no place in the spec; comments name it.",
    ),
    Verb(
        "install",
        "print the manifests that install the operator",
        "install",
        (
            Argument(("action",), "`generate`", options={"choices": ["generate"], "metavar": "generate"}),
            Argument(
                ("-n", "--namespace"),
                "namespace of the operator",
                options={"default": "harbor-operator", "metavar": "NAMESPACE"},
            ),
            Argument(
                ("--image",),
                "image of the operator, as NAME:TAG or NAME@sha256:DIGEST; default: that of this version",
                options={"default": f"ghcr.io/harbor-operator/harbor-operator:{__version__}", "metavar": "IMAGE"},
            ),
            Argument(
                ("--registry-namespaces",),
                "namespaces of HarborRegistries, a comma list: they are created, and their registries may inject",
                options={"required": True, "metavar": "NAMESPACES"},
            ),
            Argument(
                ("--admission-policies",),
                "HarborRegistries with `admissionPolicy: Enabled`, a comma list of NAMESPACE/NAME; adds their role",
                options={"default": "", "metavar": "REGISTRIES"},
            ),
            Argument(
                ("--evict-stuck-pods",),
                "add the role for `stuckPods: Evict`, which can stop any workload",
                options={"action": "store_true"},
            ),
            Argument(
                ("--service-monitors",),
                "add the role for ServiceMonitors of Harbor in these namespaces; needs the Prometheus operator",
                options={"action": "store_true"},
            ),
            Argument(
                ("--gateway-api",),
                "add the roles for `spec.expose.type: route` in these namespaces; needs the Gateway API",
                options={"action": "store_true"},
            ),
            Argument(
                ("--cert-manager",),
                "add the role for `spec.internalTLS.issuerRef` in these namespaces; needs cert-manager",
                options={"action": "store_true"},
            ),
        ),
        needs_cluster=False,
        formats=(),
        description="`install generate` prints what the Helm chart of this version renders, for `kubectl apply "
        "--server-side -f -`, and the Namespace of the operator. It needs neither Helm nor a cluster. The chart has "
        "more options. It needs the package; the single file does not contain it.",
    ),
)
