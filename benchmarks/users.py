"""A service account per injector, so that the audit log distinguishes them."""

from __future__ import annotations

from pathlib import Path

from lab.controlplane import ControlPlane

NAMESPACE = "bench-users"


class User:
    """A service account with all rights: rights are not part of the measurement."""

    def __init__(self, plane: ControlPlane, account: str) -> None:
        self.account = account
        self.name = f"system:serviceaccount:{NAMESPACE}:{account}"
        self._plane = plane
        self._kubeconfig: Path | None = None

    def kubeconfig(self) -> Path:
        """Returns a kubeconfig for this account; the first call creates the account."""
        if self._kubeconfig is None:
            self._create()
            self._kubeconfig = self._plane.kubeconfig_for_service_account(NAMESPACE, self.account)
        return self._kubeconfig

    def token(self) -> str:
        """Returns a token for this account."""
        self.kubeconfig()
        return self._plane.kubectl("create", "token", self.account, "-n", NAMESPACE, "--duration=24h").strip()

    def _create(self) -> None:
        metadata = {"name": self.account, "namespace": NAMESPACE}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
        self._plane.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": f"bench-{self.account}"},
                "roleRef": role,
                "subjects": [{"kind": "ServiceAccount", **metadata}],
            },
        )
