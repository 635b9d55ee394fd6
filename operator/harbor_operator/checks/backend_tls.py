"""Warnings about the TLS between a Gateway and the Services of a release."""

from __future__ import annotations

from harbor_operator.checks.texts import MAX_REPEATED_CHARACTERS, bind_command, refused_account, shorten
from harbor_operator.model.outcomes import StatusWarning
from harbor_operator.reasons import Reason

ROLE = "harbor-operator-backend-tls"
_EFFECT = "With `spec.internalTLS`, core and the portal serve HTTPS only, and a Gateway sends them plain HTTP"


def policy_missing() -> StatusWarning:
    """Returns the warning where the API server does not have the policy."""
    return _warning(
        f"{_EFFECT}: the Gateway API of this cluster has no BackendTLSPolicy in version v1 or v1alpha3. Install the"
        " Gateway API 1.4 or later, or set `spec.internalTLS.enabled` to false"
    )


def policy_forbidden(message: str, namespace: str) -> StatusWarning:
    """Returns the warning where the operator has no right to write the policy."""
    bind = bind_command(namespace, ROLE, refused_account(message))
    return _warning(
        f"{_EFFECT}. The operator has no right to create a BackendTLSPolicy ({message[:MAX_REPEATED_CHARACTERS]}):"
        f" run `kubectl apply -k deploy/components/gateway-api` and `{bind}`, or set"
        f" `registryNamespaces.{namespace}.gatewayAPI` in the operator's Helm chart"
    )


def policy_failed(message: str) -> StatusWarning:
    """Returns the warning where the policy could not be written; the next check tries again."""
    return _warning(f"{_EFFECT}. The BackendTLSPolicy could not be written: {message[:MAX_REPEATED_CHARACTERS]}")


def policy_refused(name: str, condition: str, message: str) -> StatusWarning:
    """Returns the warning for a policy that the controller of a Gateway does not accept."""
    return _warning(
        f"{_EFFECT}. A controller does not accept BackendTLSPolicy '{name}': `{condition}` is False"
        f" ({shorten(message)}): correct what it reports, for example a policy of your own for the same Service"
    )


def _warning(message: str) -> StatusWarning:
    return StatusWarning(Reason.BACKEND_TLS_MISSING, message)
