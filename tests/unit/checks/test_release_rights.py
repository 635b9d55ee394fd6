"""What the API server refuses to the account of a release, and what a person does about it."""

from __future__ import annotations

from harbor_operator.checks.release import failure_reason
from harbor_operator.checks.release_rights import (
    account_right_missing,
    explain_failure,
    service_account_missing,
    token_right_missing,
)
from harbor_operator.reasons import Reason

USER = 'User "system:serviceaccount:intra:harbor-release"'
ELSEWHERE = (
    'Error: UPGRADE FAILED: template: harbor/templates/a.yaml:1:3: error calling lookup: secrets "stolen" is forbidden:'
    f' {USER} cannot get resource "secrets" in API group "" in the namespace "kube-system"'
)
AT_HOME = f'Error: secrets is forbidden: {USER} cannot list resource "secrets" in API group "" in the namespace "intra"'
CLUSTER = (
    f'clusterroles.rbac.authorization.k8s.io "x" is forbidden: {USER} cannot get resource "clusterroles" in API group'
    ' "rbac.authorization.k8s.io" at the cluster scope'
)
QUOTA = 'Error: pods "x" is forbidden: exceeded quota: small'


def test_an_object_of_another_namespace_is_named_and_no_right_is_advised() -> None:
    assert failure_reason(ELSEWHERE) is Reason.RIGHTS_MISSING
    text = explain_failure(ELSEWHERE)
    assert text.startswith(
        "ServiceAccount 'intra/harbor-release' must not `get` secrets 'stolen' in namespace 'kube-system':"
        " a release is limited to namespace 'intra'"
    )
    assert "rolebinding" not in text
    assert text.endswith(ELSEWHERE)


def test_a_cluster_scoped_object_is_named() -> None:
    assert failure_reason(CLUSTER) is Reason.RIGHTS_MISSING
    assert "must not `get` clusterroles 'x' in the whole cluster" in explain_failure(CLUSTER)


def test_a_missing_right_in_the_own_namespace_comes_with_the_command() -> None:
    text = explain_failure(AT_HOME)
    assert "must not `list` secrets in namespace 'intra'" in text
    command = (
        "`kubectl -n intra create rolebinding harbor-operator-release --clusterrole=harbor-operator-release"
        " --serviceaccount=intra:harbor-release`"
    )
    assert command in text


def test_another_refusal_is_left_as_it_is() -> None:
    assert failure_reason(QUOTA) is Reason.RELEASE_FAILED
    assert explain_failure(QUOTA) == QUOTA


def test_a_missing_account_comes_with_the_commands() -> None:
    finding = service_account_missing("intra", "deployer")
    assert finding.reason is Reason.RELEASE_SERVICE_ACCOUNT_MISSING
    assert "`kubectl -n intra create serviceaccount deployer`" in finding.message
    assert "--clusterrole=harbor-operator-release --serviceaccount=intra:deployer`" in finding.message


def test_a_right_that_every_release_needs_comes_with_the_binding() -> None:
    finding = account_right_missing("intra", "deployer", "create", "deployments")
    assert finding.reason is Reason.RIGHTS_MISSING
    assert "must not `create` deployments in namespace 'intra'" in finding.message
    assert "--clusterrole=harbor-operator-release --serviceaccount=intra:deployer`" in finding.message


def test_a_missing_right_to_its_token_comes_with_the_commands_for_this_operator() -> None:
    answer = 'serviceaccounts "x" is forbidden: User "system:serviceaccount:ops:harbor" cannot create resource'
    finding = token_right_missing("intra", "harbor-release", answer)
    assert finding.reason is Reason.RIGHTS_MISSING
    assert "--clusterrole=harbor-operator-registry --serviceaccount=ops:harbor`" in finding.message
    finding = token_right_missing("intra", "deployer", answer)
    assert "--verb=create --resource=serviceaccounts/token --resource-name=deployer`" in finding.message
    assert "--role=deployer-token --serviceaccount=ops:harbor`" in finding.message


def test_a_missing_right_for_routes_names_the_optional_role() -> None:
    stderr = (
        'httproutes.gateway.networking.k8s.io "cr-harbor-route" is forbidden: User'
        ' "system:serviceaccount:intra:harbor-release" cannot get resource "httproutes" in API group'
        ' "gateway.networking.k8s.io" in the namespace "intra"'
    )
    message = explain_failure(stderr)
    assert "`kubectl apply -k deploy/components/gateway-api`" in message
    assert "--clusterrole=harbor-operator-gateway-api --serviceaccount=intra:harbor-release" in message
    assert "`registryNamespaces.intra.gatewayAPI`" in message


def test_a_missing_right_for_service_monitors_names_the_optional_role() -> None:
    """Finding F16."""
    stderr = (
        'servicemonitors.monitoring.coreos.com "cr-harbor" is forbidden: User'
        ' "system:serviceaccount:intra:harbor-release" cannot get resource "servicemonitors" in API group'
        ' "monitoring.coreos.com" in the namespace "intra"'
    )
    message = explain_failure(stderr)
    assert "`kubectl apply -k deploy/components/service-monitor`" in message
    assert "--clusterrole=harbor-operator-service-monitor --serviceaccount=intra:harbor-release" in message
