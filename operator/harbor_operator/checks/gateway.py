"""Checks of the HTTPRoute of a release and of the Gateways that serve it."""

from __future__ import annotations

from collections.abc import Sequence

from harbor_operator.checks.texts import shorten
from harbor_operator.model.gateway import GatewayCondition, GatewayRef, ObservedGateway, ObservedRoute, RouteParent
from harbor_operator.model.outcomes import Blocked, Pending
from harbor_operator.reasons import Reason

REQUEUE_SECONDS = 10.0
ROUTE_VIEW_ROLE = "harbor-operator-gateway-api-view"
GATEWAY_VIEW_ROLE = "harbor-operator-gateway-view"
_ROUTE_CONDITIONS = ("Accepted", "ResolvedRefs")
_LISTENER_CONDITIONS = {"Accepted": "False", "Conflicted": "True", "ResolvedRefs": "False", "Programmed": "False"}
"""The conditions of a listener with the status that keeps it from serving, the most specific cause first."""
_CHECK_LISTENER = "check the conditions of that listener in the status of the Gateway"
"""Traefik gives these reasons as well for a listener that it does not serve, for example because of its port."""
_REMEDIES = {
    "NoMatchingListenerHostname": "let a listener of the Gateway serve the host of `spec.externalURL`",
    "NoMatchingParent": (
        f"name a listener of the Gateway in `spec.expose.parentRefs[].sectionName`, or none, and {_CHECK_LISTENER}"
    ),
    "NotAllowedByListeners": (
        f"allow the namespace of the route in `allowedRoutes` of the listener, and {_CHECK_LISTENER}"
    ),
    "BackendNotFound": "check that the Services of core and portal exist",
}
_LISTENER_REMEDIES = {
    "InvalidCertificateRef": "create the Secret of the certificate, or correct `tls.certificateRefs` of the listener",
    "RefNotPermitted": "allow the reference with a ReferenceGrant in the namespace of the Secret",
    "PortUnavailable": "choose a port of the listener that its controller serves",
}


def check_route(
    namespace: str, parents: Sequence[GatewayRef], routes: Sequence[ObservedRoute]
) -> Blocked | Pending | None:
    """Returns what the controllers object to, or for what they have to be waited for; None if all accept the route."""
    if not routes:
        message = (
            f"there is no HTTPRoute of this registry in namespace '{namespace}': if it was deleted, set"
            " `spec.release.drift` to 'Repair', and the operator creates it again; if it was never created, condition"
            " `ReleaseReady` says why"
        )
        return Pending(Reason.ROUTE_NOT_ACCEPTED, message, REQUEUE_SECONDS)
    route = routes[0]
    for gateway in parents:
        if found := _check_parent(route, gateway):
            return found
    return None


def check_gateway(
    ref: GatewayRef, observed: ObservedGateway | None, sections: Sequence[str] = ()
) -> Blocked | Pending | None:
    """Returns why the Gateway, or a listener in `sections`, serves nothing; None if they are programmed.

    A Gateway is programmed as soon as one of its listeners is valid, which need not be the one that the spec names.
    """
    if observed is None:
        return Blocked(
            Reason.GATEWAY_NOT_PROGRAMMED,
            f"Gateway '{ref}' of `spec.expose.parentRefs` does not exist: create it, or correct the field",
        )
    programmed = observed.conditions.get("Programmed")
    if programmed is None or not programmed.is_current or programmed.status == "Unknown":
        message = (
            f"no controller has programmed Gateway '{ref}' yet (condition `Programmed`): if this stays, check its"
            " `gatewayClassName` and the controller of that class"
        )
        return Pending(Reason.GATEWAY_NOT_PROGRAMMED, message, REQUEUE_SECONDS)
    if programmed.status == "True":
        return _check_listeners(ref, observed, sections)
    if found := _check_listeners(ref, observed, sections or list(observed.listeners)):
        return found
    accepted = observed.conditions.get("Accepted")
    cause = accepted if accepted and accepted.status == "False" else programmed
    return Blocked(
        Reason.GATEWAY_NOT_PROGRAMMED,
        f"Gateway '{ref}' is not programmed{_explain(cause)}: correct the Gateway, or choose another one in"
        " `spec.expose.parentRefs`",
    )


def describe_unreadable(unreadable: Sequence[str], namespace: str) -> str:
    """Returns what the operator has no right to read, for the message of the condition; empty if it read everything."""
    if not unreadable:
        return ""
    return (
        f"; {' and '.join(unreadable)} could not be checked, because the operator has no right to read it: bind"
        f" ClusterRole '{GATEWAY_VIEW_ROLE}' (Gateways) or '{ROUTE_VIEW_ROLE}' (HTTPRoutes) of"
        " `deploy/components/gateway-api` there, or set"
        f" `registryNamespaces.{namespace}.gatewayAPI` and `gatewayNamespaces` in the operator's Helm chart"
    )


def _check_listeners(ref: GatewayRef, observed: ObservedGateway, sections: Sequence[str]) -> Blocked | None:
    """Returns the first condition of these listeners that is not met; a controller need not report on listeners."""
    for section in sections:
        conditions = observed.listeners.get(section, {})
        for kind, bad in _LISTENER_CONDITIONS.items():
            condition = conditions.get(kind)
            if condition is None or not condition.is_current or condition.status != bad:
                continue
            remedy = _LISTENER_REMEDIES.get(condition.reason, "correct what its controller reports")
            return Blocked(
                Reason.GATEWAY_NOT_PROGRAMMED,
                f"listener '{section}' of Gateway '{ref}' serves nothing: `{kind}` is {condition.status}"
                f"{_explain(condition)}: {remedy}",
            )
    return None


def _check_parent(route: ObservedRoute, gateway: GatewayRef) -> Blocked | Pending | None:
    reported = [parent for parent in route.parents if parent.gateway == gateway]
    if not reported:
        message = (
            f"no controller reports on HTTPRoute '{route.name}' for Gateway '{gateway}' yet: if this stays, check that"
            " the Gateway exists and that the controller of its class runs"
        )
        return Pending(Reason.ROUTE_NOT_ACCEPTED, message, REQUEUE_SECONDS)
    findings = [_check_conditions(route, parent) for parent in reported]
    # One listener that serves the route suffices.
    return None if None in findings else findings[0]


def _check_conditions(route: ObservedRoute, parent: RouteParent) -> Blocked | Pending | None:
    for kind in _ROUTE_CONDITIONS:
        condition = parent.conditions.get(kind)
        if condition is None or not condition.is_current or condition.status == "Unknown":
            message = (
                f"Gateway '{parent.gateway}' has not reported on HTTPRoute '{route.name}' yet (condition `{kind}`):"
                " wait for its controller"
            )
            return Pending(Reason.ROUTE_NOT_ACCEPTED, message, REQUEUE_SECONDS)
        if condition.status != "True":
            listener = f", listener '{parent.section}'," if parent.section else ""
            remedy = _REMEDIES.get(condition.reason, "correct what its controller reports")
            return Blocked(
                Reason.ROUTE_NOT_ACCEPTED,
                f"Gateway '{parent.gateway}'{listener} does not serve HTTPRoute '{route.name}': `{kind}` is"
                f" {condition.status}{_explain(condition)}: {remedy}",
            )
    return None


def _explain(condition: GatewayCondition) -> str:
    text = shorten(condition.message)
    return f" ({condition.reason}: {text})" if text else f" ({condition.reason})"
