"""Reasons that any condition may carry."""

from __future__ import annotations

from collections.abc import Mapping

from harbor_operator.checks.catalogue.problem import Problem
from harbor_operator.reasons import Reason

PROBLEMS: Mapping[Reason, Problem] = {
    Reason.INVALID_SPEC: Problem(
        "`Ready` is False and nothing is looked at.",
        "The spec does not parse; usually the CRD in the cluster is older or newer than the operator.",
        "Mend the field that the message names; apply `crds/` of the operator's own version.",
    ),
    Reason.SUSPENDED: Problem(
        "`Ready` is Unknown and no check runs.",
        "`spec.suspend` is true.",
        "Set `spec.suspend: false` when the maintenance is over.",
    ),
    Reason.WAITING_FOR_DEPENDENCY: Problem(
        "A condition is Unknown.",
        "An aspect that must be there first is not.",
        "Look at the condition that the message names.",
    ),
    Reason.NOT_YET_SEEN: Problem(
        "A condition is Unknown.", "Nobody has looked since the operator started.", "Wait for the first pass."
    ),
    Reason.INTERNAL_ERROR: Problem(
        "A condition is Unknown and names a Python exception.",
        "A defect of the operator.",
        "Take the traceback from the operator's log and report it; the pass is repeated meanwhile.",
    ),
    Reason.UNAVAILABLE: Problem(
        "A condition is Unknown.",
        "A server did not answer in time or asked to come back later.",
        "Nothing, if it passes; otherwise check the server that the message names.",
    ),
    Reason.SECRET_MISSING: Problem(
        "A condition is False and names a Secret.",
        "The spec refers to a Secret that does not exist in the registry's namespace.",
        "Create the Secret, or mend the reference at the field that the message names.",
    ),
    Reason.SECRET_KEY_MISSING: Problem(
        "A condition is False and names a Secret and a key.",
        "The Secret exists but lacks the key.",
        "Add the key to the Secret, or name the right key in the reference.",
    ),
    Reason.SECRET_INVALID: Problem(
        "A condition is False and names a Secret.",
        "The Secret's content cannot be used, or a Secret with a name that the operator needs is not the operator's.",
        "Do what the message says: mend the value, or rename or delete the Secret that is in the way.",
    ),
    Reason.RIGHTS_MISSING: Problem(
        "A condition is False and names a verb and a resource.",
        "The API server refuses that to the operator, or to the service account that Helm acts as: the shipped roles "
        "are incomplete or were changed, the registry's namespace has no RoleBinding, or a chart reaches beyond the "
        "namespace of its registry.",
        "Apply `deploy/` again; apply the RoleBindings of `deploy/examples/registry-namespace.yaml` in the registry's "
        "namespace; use a chart that needs no right beyond it; add a "
        "pull Secret name other than `harbor-pull` to the ClusterRole's `resourceNames`; apply "
        "`deploy/components/admission-policy` for `spec.pullSecrets.admissionPolicy`.",
    ),
    Reason.CERTIFICATE_UNTRUSTED: Problem(
        "A TLS handshake fails.",
        "The server's certificate is not signed by a CA that the operator was given.",
        "Put the CA into the Secret that the `caSecretRef` of that server names (key `ca.crt`). Nodes need it as well: "
        "`/etc/containerd/certs.d/HOST[:PORT]/hosts.toml` with `ca = …`, or `/etc/docker/certs.d/HOST[:PORT]/ca.crt`.",
    ),
}
