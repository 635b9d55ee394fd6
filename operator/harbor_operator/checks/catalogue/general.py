"""Reasons that any condition can have."""

from __future__ import annotations

from collections.abc import Mapping

from harbor_operator.checks.catalogue.problem import Problem
from harbor_operator.reasons import Reason

PROBLEMS: Mapping[Reason, Problem] = {
    Reason.INVALID_SPEC: Problem(
        "`Ready` is False and no check runs.",
        "The spec does not parse. Usually the CRD in the cluster has another version than the operator.",
        "Correct the field that the message names. If the field is correct, apply `crds/` of the operator's version.",
    ),
    Reason.SUSPENDED: Problem(
        "`Ready` is Unknown and no check runs.",
        "`spec.suspend` is true.",
        "Set `spec.suspend: false` when the maintenance is over.",
    ),
    Reason.WAITING_FOR_DEPENDENCY: Problem(
        "A condition is Unknown.",
        "Another condition that it depends on is not True.",
        "Read the condition that the message names.",
    ),
    Reason.NOT_YET_SEEN: Problem(
        "A condition is Unknown.",
        "The operator has not checked it since it started.",
        "Wait for the first reconciliation.",
    ),
    Reason.INTERNAL_ERROR: Problem(
        "A condition is Unknown and its message names a Python exception.",
        "The operator has a defect.",
        "Report the traceback from the operator's log. The operator retries with increasing back-off.",
    ),
    Reason.UNAVAILABLE: Problem(
        "A condition is Unknown.",
        "A server did not respond in time, or it asked to retry later.",
        "Wait for the retry. If the condition stays Unknown, check the server that the message names.",
    ),
    Reason.SECRET_MISSING: Problem(
        "A condition is False and its message names a Secret.",
        "The spec refers to a Secret that does not exist in the namespace of the HarborRegistry.",
        "Create the Secret, or correct the reference in the field that the message names.",
    ),
    Reason.SECRET_KEY_MISSING: Problem(
        "A condition is False and its message names a Secret and a key.",
        "The Secret exists and does not contain the key.",
        "Add the key to the Secret, or set the right key in the reference.",
    ),
    Reason.SECRET_INVALID: Problem(
        "A condition is False and its message names a Secret.",
        "The operator cannot use the value, or a Secret of that name exists that the operator did not create.",
        "Correct the value that the message names. If another client owns the Secret, check that it is unused before "
        "you rename or delete it.",
    ),
    Reason.HOST_NOT_ALLOWED: Problem(
        "A condition is False and its message names a host and `HARBOR_OPERATOR_ALLOWED_HOSTS`.",
        "The spec, a Sentinel or the storage URL names a host that is not in the administrator's list. The operator "
        "sends nothing there.",
        "Use an allowed host, or let the administrator add this one to the setting. A HarborRegistry whose data the "
        "operator shall delete there needs it for its deletion too; operations.md names the way out (Deletion).",
    ),
    Reason.RIGHTS_MISSING: Problem(
        "A condition is False and its message names a verb and a resource.",
        "The service account of the operator, or the one that Helm acts as, lacks the permission: the shipped roles "
        "were changed, the namespace of the HarborRegistry lacks a RoleBinding, or a chart reaches beyond that "
        "namespace.",
        "Apply `deploy/` again. Apply the RoleBindings of `deploy/examples/registry-namespace.yaml` in the namespace "
        "of the HarborRegistry. Use a chart that needs nothing beyond it. For another `spec.pullSecrets.secretName` "
        "than `harbor-pull`, add that name to `resourceNames` in the ClusterRole `harbor-operator`. For "
        "`spec.pullSecrets.admissionPolicy`, apply `deploy/components/admission-policy`. For the chart value "
        "`metrics.serviceMonitor.enabled`, apply `deploy/components/service-monitor` and bind its ClusterRole. For "
        "`spec.expose.type: route`, apply `deploy/components/gateway-api` and bind its ClusterRoles. For "
        "`spec.internalTLS.issuerRef`, apply `deploy/components/cert-manager` and bind its ClusterRole. If the "
        "operator was installed with its Helm chart, set the values `registryNamespaces`, `pullSecrets.secretNames` "
        "and `admissionPolicy` instead.",
    ),
    Reason.ABANDONED: Problem(
        "An event reports that a HarborRegistry was deleted and that something of it can remain.",
        "Its annotation `harbor-operator.io/abandon` is `true`, or its namespace is being deleted and the rights and "
        "Secrets that the teardown needs were removed first.",
        "Remove by hand what the event names, if it is no longer needed. To have everything removed, delete the "
        "HarborRegistry first and its namespace when it is gone.",
    ),
    Reason.CERTIFICATE_UNTRUSTED: Problem(
        "A TLS handshake fails.",
        "No CA that the operator knows has signed the server's certificate, or the server does not send the "
        "certificates of the intermediate CAs.",
        "Put the CA into the Secret that the `caSecretRef` of that server names (key `ca.crt`). Add the certificates "
        "of intermediate CAs to the server's, after its own. Nodes need the CA as well: "
        "`/etc/containerd/certs.d/HOST[:PORT]/hosts.toml` with `ca = …`, or "
        "`/etc/docker/certs.d/HOST[:PORT]/ca.crt`.",
        (
            "x509: certificate signed by unknown authority",
            "certificate verify failed",
        ),
    ),
}
