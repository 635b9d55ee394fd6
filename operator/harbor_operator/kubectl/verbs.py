"""Every verb: its arguments, the rights that it needs, and the module that runs it.

The parser, the completion and docs/kubectl-harbor.md are made from this table, and a test runs each verb under exactly
these rights.
"""

from __future__ import annotations

from harbor_operator.api.kind import GROUP, PLURAL
from harbor_operator.kubectl.arguments import (
    CA_FILE,
    CLUSTER_ARGUMENTS,
    IMAGE,
    LOG_FILE,
    NAME,
    OPERATOR_NAMESPACE,
    OUTPUT,
    TIMEOUT,
    WAIT,
    Argument,
    Values,
)
from harbor_operator.kubectl.backup_verbs import BACKUP, RESTORE
from harbor_operator.kubectl.rights import (
    CHANGE_REGISTRY,
    READ_LOGS,
    READ_PODS,
    READ_REGISTRIES,
    VERSIONS,
    WATCH_REGISTRY,
    Right,
    Scope,
)
from harbor_operator.kubectl.setup_verbs import SETUP
from harbor_operator.kubectl.verb import Verb

VERBS = (
    Verb(
        "status",
        "show conditions with their causes and remedies, upgrades, pull Secrets and the age of the credential",
        "status",
        (
            NAME._replace(help="HarborRegistry; without it, all of the namespace"),
            Argument(("-A", "--all-namespaces"), "all namespaces", options={"action": "store_true"}),
            Argument(("-w", "--watch"), "print again after each change", options={"action": "store_true"}),
        ),
        (READ_REGISTRIES, Right(Scope.REGISTRY, GROUP, PLURAL, ("watch",))),
        description="The exit code is 0 if every HarborRegistry is Ready. `-A` needs its rights in the whole cluster, "
        "and only `-w` needs `watch`.",
    ),
    Verb(
        "explain",
        "explain a reason, an alert, or a text that docker, an event or a log shows",
        "explain",
        (Argument(("text",), "a reason or any words", Values.PROBLEMS, {"nargs": "+", "metavar": "REASON|TEXT"}),),
        needs_cluster=False,
        description="Works without a cluster. The exit code is 1 if nothing fits.",
    ),
    Verb(
        "why",
        "find the cause why a pod cannot pull its image, and the remedy",
        "why",
        (Argument(("pod",), "name of the pod", Values.PODS), CA_FILE),
        (
            Right(Scope.POD, "", "pods", ("get",)),
            Right(Scope.POD, "", "events", ("list",)),
            Right(Scope.POD, "", "serviceaccounts", ("get",)),
            Right(Scope.POD, "", "secrets", ("get",)),
        ),
        description="It finds the credential with the rules of the kubelet, and tries the pull up to the manifest with "
        "it, from this computer. The exit code is 1 if a container waits for its image.",
    ),
    Verb(
        "verify",
        "prove that a namespace can pull with its injected Secret",
        "verify",
        (
            Argument(("target",), "namespace to verify", Values.NAMESPACES, {"metavar": "NAMESPACE"}),
            Argument(
                ("--registry",),
                "HarborRegistry; without it, the only one of its namespace",
                Values.REGISTRIES,
                {"default": "", "metavar": "NAME"},
            ),
            IMAGE,
            CA_FILE,
        ),
        (
            READ_REGISTRIES,
            Right(Scope.VERIFIED, "", "secrets", ("get",), ("harbor-pull",)),
            Right(Scope.VERIFIED, "", "serviceaccounts", ("get", "list")),
        ),
        description="`-n` is the namespace of the HarborRegistry. The Secret is `spec.pullSecrets.secretName`. Only "
        '`serviceAccounts: ["*"]` needs `list`. The exit code is 1 if a step fails.',
    ),
    Verb(
        "trust",
        "print the files and commands with which a node trusts the private CA of the registry",
        "trust",
        (
            NAME,
            Argument(
                ("--runtime",),
                "only for this container runtime; default: each of them",
                options={"choices": ["containerd", "docker", "crio"], "default": ""},
            ),
            Argument(
                ("--certs-dir",),
                "directory in which the runtime looks for CAs, if it is not the usual one",
                Values.FILES,
                {"default": "", "metavar": "DIRECTORY"},
            ),
        ),
        (READ_REGISTRIES, Right(Scope.REGISTRY, "", "secrets", ("get",), ("cr-ca",))),
        description="The Secret is that of `spec.caSecretRef`. The text is a shell script; the command itself writes "
        "nothing. `crio` is also for podman.",
    ),
    Verb(
        "reconcile",
        "request a reconciliation at once",
        "lifecycle",
        (NAME, WAIT, TIMEOUT),
        (CHANGE_REGISTRY, WATCH_REGISTRY),
        description="Only `--wait` needs `get` and `watch`. It waits until the operator has handled this request; the "
        "exit code is then 0 if the HarborRegistry is Ready.",
    ),
    Verb(
        "rotate",
        "replace the robot of the pull credential without a failed pull",
        "rotate",
        (NAME, WAIT, TIMEOUT),
        (CHANGE_REGISTRY, WATCH_REGISTRY),
        description="Only `--wait` needs `get` and `watch`. It waits until each namespace has the new login; the exit "
        "code is 1 if the new robot cannot be used, or a namespace fails. The earlier robot still works for a while.",
    ),
    Verb(
        "suspend",
        "pause a HarborRegistry: no writes, existing objects stay",
        "lifecycle",
        (NAME, WAIT, TIMEOUT),
        (CHANGE_REGISTRY, WATCH_REGISTRY),
        description="Sets `spec.suspend`. Only `--wait` needs `get` and `watch`.",
    ),
    Verb(
        "resume",
        "end the pause of a HarborRegistry and reconcile at once",
        "lifecycle",
        (NAME, WAIT, TIMEOUT),
        (CHANGE_REGISTRY, WATCH_REGISTRY),
        description="Sets `spec.suspend: false`. Only `--wait` needs `get` and `watch`; the exit code is then 0 if the "
        "HarborRegistry is Ready.",
    ),
    Verb(
        "logs",
        "find known problems in the logs of Harbor's pods, in a file or on standard input",
        "log_lines",
        (
            NAME,
            LOG_FILE,
            Argument(("--component",), "only this container or component, for example core", options={"default": ""}),
            Argument(
                ("--tail",), "lines of each container", options={"type": int, "default": 2000, "metavar": "LINES"}
            ),
        ),
        (READ_REGISTRIES, READ_PODS, READ_LOGS),
        description="With `--file` it needs no cluster. The exit code is 1 if a line shows a known problem.",
    ),
    Verb(
        "report",
        "write an archive for a support request: objects, events and logs, without Secrets",
        "report",
        (
            NAME,
            OPERATOR_NAMESPACE,
            Argument(("--file",), "path of the archive", Values.FILES, {"default": "", "metavar": "FILE"}),
        ),
        (
            READ_REGISTRIES,
            READ_PODS,
            READ_LOGS,
            Right(Scope.REGISTRY, "", "events", ("list",)),
            Right(Scope.REGISTRY, "apps", "deployments", ("list",)),
            Right(Scope.REGISTRY, "apps", "statefulsets", ("list",)),
            Right(Scope.OPERATOR, "", "pods", ("list",)),
            Right(Scope.OPERATOR, "", "pods/log", ("get",)),
            *VERSIONS,
        ),
        description="It reads no Secret, leaves out chart values and environment variables, and removes from logs what "
        "is written like a secret. Without one of its rights, it leaves that part out; the exit code is then 1.",
    ),
    *SETUP,
    BACKUP,
    RESTORE,
    Verb(
        "version",
        "show the versions of this command, the operator and the CRD",
        "version",
        (OPERATOR_NAMESPACE,),
        VERSIONS,
        description="The exit code is 1 if they differ.",
    ),
    Verb(
        "completion",
        "print the program `kubectl_complete-harbor`, with which kubectl completes this command",
        "script",
        needs_cluster=False,
        formats=(),
        description="Only an installation from one file needs it: save it in a folder of PATH and make it executable.",
    ),
)


def verb_named(name: str) -> Verb | None:
    """Returns the verb of that name, or None."""
    return next((verb for verb in VERBS if verb.name == name), None)


def arguments_of(verb: Verb) -> tuple[Argument, ...]:
    """Returns the arguments of a verb with those that it shares."""
    output = OUTPUT._replace(options={"choices": verb.formats, "default": verb.formats[0]}) if verb.formats else None
    return (*verb.arguments, *([output] if output else ()), *CLUSTER_ARGUMENTS * verb.needs_cluster)
