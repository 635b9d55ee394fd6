"""Checks of the certificates that cert-manager issues for the processes of Harbor."""

from __future__ import annotations

from collections.abc import Sequence

from harbor_operator.checks.texts import bind_command, quoted_names, refused_account, shorten
from harbor_operator.model.outcomes import Blocked, Pending, StatusWarning
from harbor_operator.reasons import Reason

REQUEUE_SECONDS = 5.0
ROLE = "harbor-operator-cert-manager"
FIELD = "`spec.internalTLS.issuerRef`"


def cert_manager_missing() -> Blocked:
    """Returns the outcome where the API server does not have the Certificates of cert-manager."""
    return Blocked(
        Reason.ISSUER_UNUSABLE,
        f"{FIELD} needs cert-manager, and the API server does not serve Certificate of cert-manager.io/v1: install"
        " cert-manager, or remove the field, and the operator issues the certificates",
    )


def describe_missing_right(message: str, namespace: str) -> str:
    """Returns the message of a refused request with the role that allows it."""
    return (
        f"{message}: {FIELD} needs `kubectl apply -k deploy/components/cert-manager` and"
        f" `{bind_command(namespace, ROLE, refused_account(message))}`, or"
        f" `registryNamespaces.{namespace}.certManager` in the operator's Helm chart"
    )


def not_issued(issuer: str, names: Sequence[str], message: str, *, is_failed: bool) -> Blocked | Pending:
    """Returns the outcome while Certificates are not ready; `message` is what cert-manager says about the first."""
    text = shorten(message) or "cert-manager reports nothing about it yet"
    what = f"cert-manager has not issued Certificate {quoted_names(names)} from {issuer} of {FIELD}: {text}"
    if is_failed:
        remedy = "correct the issuer; cert-manager tries again by itself, or at once with `cmctl renew`"
        return Blocked(Reason.CERTIFICATES_NOT_ISSUED, f"{what}: {remedy}")
    remedy = "if this stays, check that the issuer exists and is Ready, and that cert-manager runs"
    return Pending(Reason.CERTIFICATES_NOT_ISSUED, f"{what}: {remedy}", REQUEUE_SECONDS)


def unusable_issuer(issuer: str, secret: str, *, is_self_signed: bool) -> Blocked:
    """Returns the outcome for an issuer with whose certificates Harbor's processes cannot trust each other."""
    cause = (
        "makes each certificate its own CA"
        if is_self_signed
        else f"puts no CA into Secret '{secret}' (key `ca.crt`), which Harbor's processes need"
    )
    return Blocked(
        Reason.ISSUER_UNUSABLE,
        f"{issuer} of {FIELD} {cause}: name an issuer with one CA for all certificates, for example of type `ca` or"
        " `vault`, or remove the field, and the operator issues the certificates",
    )


def renewal_warning(issuer: str, name: str, message: str) -> StatusWarning:
    """Returns the warning for a certificate that is valid, and whose renewal failed."""
    return StatusWarning(
        Reason.CERTIFICATES_NOT_ISSUED,
        f"cert-manager could not renew Certificate '{name}' from {issuer} of {FIELD}: {shorten(message)}: correct the"
        " issuer before the certificate expires",
    )
