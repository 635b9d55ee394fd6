"""Command lines and files of the API server, the controller manager and the scheduler."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lab.addresses import FIRST_SERVICE, HOST, NAMES, SERVICE_RANGE
from lab.audit import POLICY

if TYPE_CHECKING:
    from pathlib import Path

    from lab.certs import Authority

HOSTS = (*NAMES, FIRST_SERVICE, "kubernetes", "kubernetes.default", "kubernetes.default.svc")
ISSUER = "https://kubernetes.default.svc"
MAX_AUDIT_LOG_MIB = 1_000_000

COMPONENT_USERS = {
    "admin": ("admin", "system:masters"),
    "node": ("lab-node", "system:masters"),
    "ingress": ("lab-ingress", "system:masters"),
    "controller-manager": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
}
"""User name and group of each token, as they appear in the audit log."""


def prepare_apiserver(
    directory: Path, authority: Authority, tokens: dict[str, str], endpoints: tuple[str, int]
) -> list[str]:
    """Writes the API server's files and returns its flags; `endpoints` are etcd's URL and the port to listen on."""
    etcd_url, port = endpoints
    serving = authority.issue("kube-apiserver", hosts=HOSTS)
    signing = authority.client("service-accounts")
    (directory / "service-accounts.key").symlink_to(signing.key_path.resolve())
    (directory / "audit-policy.json").write_text(json.dumps(POLICY))
    flags = {
        "etcd-servers": etcd_url,
        "bind-address": HOST,
        "advertise-address": HOST,
        "endpoint-reconciler-type": "none",  # a loopback address cannot be an endpoint
        "secure-port": port,
        "tls-cert-file": serving.cert_path,
        "tls-private-key-file": serving.key_path,
        "token-auth-file": _write_tokens(directory, tokens),
        "authorization-mode": "RBAC",
        "service-cluster-ip-range": SERVICE_RANGE,
        "service-account-issuer": ISSUER,
        "service-account-key-file": signing.cert_path,
        "service-account-signing-key-file": signing.key_path,
        "audit-policy-file": directory / "audit-policy.json",
        "audit-log-path": directory / "audit.jsonl",
        "audit-log-mode": "blocking-strict",  # a batch could be in memory while a test counts
        "audit-log-maxsize": MAX_AUDIT_LOG_MIB,
    }
    return [f"--{flag}={value}" for flag, value in flags.items()]


def controller_manager_argv(directory: Path, ca_path: Path, kubeconfig: Path) -> list[str]:
    """Returns the flags of the controller manager, with client limits for thousands of namespaces."""
    return [
        f"--kubeconfig={kubeconfig}",
        f"--root-ca-file={ca_path}",
        f"--service-account-private-key-file={directory / 'service-accounts.key'}",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        "--bind-address=127.0.0.1",
        "--secure-port=0",
    ]


def scheduler_argv(kubeconfig: Path) -> list[str]:
    """Returns the flags of the scheduler."""
    return [f"--kubeconfig={kubeconfig}", "--leader-elect=false", "--bind-address=127.0.0.1", "--secure-port=0"]


def _write_tokens(directory: Path, tokens: dict[str, str]) -> Path:
    path = directory / "tokens.csv"
    path.touch(mode=0o600)
    lines = (f'{tokens[key]},{user},{user},"{group}"\n' for key, (user, group) in COMPONENT_USERS.items())
    path.write_text("".join(lines))
    return path
