"""Changes of the pull Secrets, of requests in annotations, and of policies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harbor_operator.api.reconcile_request import RECONCILE_REQUESTED_AT
from harbor_operator.api.request_annotations import (
    REVOKE_REQUESTED_AT,
    ROTATE_ADMIN_PASSWORD_REQUESTED_AT,
    ROTATE_DATABASE_PASSWORD_REQUESTED_AT,
    ROTATE_REQUESTED_AT,
)
from harbor_operator.model.outcomes import PullSecretFacts
from tests.campaign.deployment import NAMESPACE
from tests.campaign.semantic import SemanticCase, on


def pull_cases() -> Iterator[SemanticCase]:
    """Yields the cases of the pull Secrets and the requests."""
    yield from (*_pull_secrets(), *_requests())


def _pull_secrets() -> Iterator[SemanticCase]:
    def spec(name: str, ready: bool | None = True, words: tuple[str, ...] = (), **section: Any) -> SemanticCase:
        return SemanticCase(f"pull Secrets: {name}", spec={"pullSecrets": section}, ready=ready, words=words)

    yield spec("no namespace", namespaces={"selector": {"matchLabels": {"no": "such"}}})
    yield spec("all namespaces", namespaces={"selector": None, "exclude": []})
    yield spec("the own namespace is excluded", namespaces={"exclude": [NAMESPACE]})
    yield spec("opt-in", namespaces={"optIn": True})
    yield spec("more accounts", serviceAccounts=["default", "builder"])
    yield spec("all accounts", serviceAccounts=["*"])
    yield spec("another name", secretName="other-pull")
    yield spec("adoption", conflictPolicy="Adopt")
    yield spec("an admission policy", admissionPolicy="Enabled", ready=None, words=("policy",))
    yield spec("eviction", stuckPods="Evict")
    yield spec("one project", credential={"robot": {"projects": ["library"]}})
    yield spec("no such project", ready=None, words=("absent",), credential={"robot": {"projects": ["absent"]}})
    yield spec(
        "an account",
        credential={"robot": None, "secretRef": {"name": "pull-account"}},
        ready=None,
        words=("pull-account",),
    )
    yield spec("fewer hosts", extraHosts=None, additionalCredentials=None)
    yield SemanticCase("pull Secrets: none", spec={"pullSecrets": None}, ready=True)
    failed = PullSecretFacts(namespaces=3, ready=2, failed=1)
    yield SemanticCase("pull Secrets: a failed namespace", on("injection", progress=failed), words=("1", "namespace"))
    yield SemanticCase(
        "pull Secrets: no policy API",
        on("admission", served=False),
        {"pullSecrets": {"admissionPolicy": "Enabled"}},
        words=("admission", "served", "policy"),
    )
    yield SemanticCase("the API server is down", on("kube", down=True), words=("API server",))
    yield SemanticCase("no rights to Secrets", on("kube", forbidden=True), words=("forbidden", "secrets"))


def _requests() -> Iterator[SemanticCase]:
    for annotation in (
        RECONCILE_REQUESTED_AT,
        ROTATE_REQUESTED_AT,
        REVOKE_REQUESTED_AT,
        ROTATE_ADMIN_PASSWORD_REQUESTED_AT,
        ROTATE_DATABASE_PASSWORD_REQUESTED_AT,
    ):
        for value in ("2026-11-23T13:00:00Z", "1", "x" * 300):
            yield SemanticCase(f"request {annotation}: {value:.20}", annotations={annotation: value}, ready=None)
    yield SemanticCase("suspended", spec={"suspend": True}, ready=None)
    for part in ("release", "database", "storage", "pullSecrets"):
        for policy in ("Delete", "Retain"):
            yield SemanticCase(f"deletion policy {part} {policy}", spec={"deletionPolicy": {part: policy}}, ready=True)
