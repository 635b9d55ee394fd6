"""Checks of the service account that Helm acts as: does it exist, and what did the API server refuse to it."""

from __future__ import annotations

import re

from harbor_operator.checks.texts import SERVICE_ACCOUNT_USER, bind_command, refused_account
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.release import ListedObject
from harbor_operator.reasons import Reason

DEFAULT_ACCOUNT = "harbor-release"
RELEASE_ROLE = "harbor-operator-release"
SERVICE_MONITOR_ROLE = "harbor-operator-service-monitor"
GATEWAY_ROLE = "harbor-operator-gateway-api"
REGISTRY_ROLE = "harbor-operator-registry"
EXAMPLE = "deploy/examples/registry-namespace.yaml"

_FORBIDDEN = re.compile(
    r'(?:"(?P<name>[^"]+)" )?is forbidden: '
    + SERVICE_ACCOUNT_USER
    + r' cannot (?P<verb>\w+) resource "(?P<resource>[^"]+)"'
    r'(?: in API group "[^"]*")?(?: in the namespace "(?P<namespace>[^"]+)"| at the cluster scope)?'
)


def service_account_missing(namespace: str, name: str) -> Blocked:
    """Returns the refusal to run Helm without the account that it acts as."""
    return Blocked(
        Reason.RELEASE_SERVICE_ACCOUNT_MISSING,
        f"ServiceAccount '{name}' (`spec.release.serviceAccountName`), which Helm acts as, does not exist in namespace"
        f" '{namespace}': `kubectl -n {namespace} create serviceaccount {name}`, and bind it with"
        f" `{_bind_release_role(namespace, name)}`; `{EXAMPLE}` has both, and so has `registryNamespaces` in the"
        " operator's Helm chart",
    )


def account_right_missing(namespace: str, name: str, verb: str, resource: str) -> Blocked:
    """Returns that the account that Helm acts as lacks a right that every release needs."""
    return Blocked(
        Reason.RIGHTS_MISSING,
        f"ServiceAccount '{name}' (`spec.release.serviceAccountName`), which Helm acts as, must not `{verb}` {resource}"
        f" in namespace '{namespace}': bind the role of the chart with `{_bind_release_role(namespace, name)}`, or add"
        " the right to a Role of your own",
    )


def token_right_missing(namespace: str, name: str, answer: str) -> Blocked:
    """Returns the refusal to run Helm without the right to a token of its account; `answer` is the API server's."""
    subject = refused_account(answer)
    if name == DEFAULT_ACCOUNT:
        remedy = (
            f"`{bind_command(namespace, REGISTRY_ROLE, subject)}`, after `kubectl apply -k deploy` or `helm upgrade` if"
            " that role is of an older version"
        )
    else:
        role = f"{name}-token"
        remedy = (
            f"`kubectl -n {namespace} create role {role} --verb=create --resource=serviceaccounts/token"
            f" --resource-name={name}` and `kubectl -n {namespace} create rolebinding {role} --role={role}"
            f" --serviceaccount={subject}`"
        )
    return Blocked(
        Reason.RIGHTS_MISSING,
        f"the operator must not issue a token of ServiceAccount '{name}' (`spec.release.serviceAccountName`) in"
        f" namespace '{namespace}', which Helm acts as: {remedy}",
    )


def listed_unreadable(secret: str, account: str, home: str, listed: ListedObject) -> Blocked:
    """Returns that a stored release lists an object that its account must not read.

    Helm takes such an object for gone: it changes the others and reports success.
    """
    if listed.namespace == home:
        bind = _bind_release_role(home, account)
        remedy = f"give the account that right again, with `{bind}` or by a Role of your own; or"
    else:
        remedy = "a release is limited to its namespace, so another client has changed the Secret:"
    return Blocked(
        Reason.RIGHTS_MISSING,
        f"Secret '{secret}' says that the release contains {listed.kind} '{listed.name}' in namespace"
        f" '{listed.namespace}', which ServiceAccount '{home}/{account}' must not read; Helm would skip that object and"
        f" report success, so it does not run: {remedy} restore the Secret from a backup, or delete it, so that the"
        " revision before it counts",
    )


def is_forbidden(stderr: str) -> bool:
    """Whether the API server refused something to the account of a Helm run."""
    return _FORBIDDEN.search(stderr) is not None


def explain_failure(stderr: str) -> str:
    """Returns what Helm wrote, after what the API server refused to its account and what to do about it."""
    denied = _FORBIDDEN.search(stderr)
    if denied is None:
        return stderr
    home, account = denied["account_namespace"], denied["account"]
    name = f" '{denied['name']}'" if denied["name"] else ""
    place = f"in namespace '{denied['namespace']}'" if denied["namespace"] else "in the whole cluster"
    refused = f"ServiceAccount '{home}/{account}' must not `{denied['verb']}` {denied['resource']}{name} {place}"
    if denied["resource"] == "servicemonitors":
        remedy = (
            "the chart value `metrics.serviceMonitor.enabled` needs `kubectl apply -k"
            f" deploy/components/service-monitor` and `{_bind(home, account, SERVICE_MONITOR_ROLE)}`, or"
            f" `registryNamespaces.{home}.serviceMonitor` in the operator's Helm chart; or remove that value"
        )
    elif denied["resource"] == "httproutes":
        remedy = (
            "`spec.expose.type: route` needs `kubectl apply -k deploy/components/gateway-api` and"
            f" `{_bind(home, account, GATEWAY_ROLE)}`, or `registryNamespaces.{home}.gatewayAPI` in the operator's Helm"
            " chart"
        )
    elif denied["namespace"] == home:
        remedy = (
            f"bind the role of the chart with `{_bind_release_role(home, account)}`; a right that it does not have"
            f" needs a Role of your own in namespace '{home}'"
        )
    else:
        remedy = (
            f"a release is limited to namespace '{home}': remove what reaches beyond it from the chart or its values;"
            " if neither does, its release Secret (`sh.helm.release.v1.*`) was changed by another client"
        )
    return f"{refused}: {remedy}. Helm: {stderr}"


def _bind_release_role(namespace: str, name: str) -> str:
    return _bind(namespace, name, RELEASE_ROLE)


def _bind(namespace: str, name: str, role: str) -> str:
    return bind_command(namespace, role, f"{namespace}:{name}")
