"""Reasons of the running registry: reachability, configuration and pull Secrets."""

from __future__ import annotations

from collections.abc import Mapping

from harbor_operator.checks.catalogue.problem import Problem
from harbor_operator.reasons import Reason

REACHABILITY: Mapping[Reason, Problem] = {
    Reason.REGISTRY_UNREACHABLE: Problem(
        "`externalURL` does not answer.",
        "DNS, ingress or firewall; or the pods are not there yet.",
        "`curl -i EXTERNALURL/v2/` from a pod.",
    ),
    Reason.REGISTRY_NOT_HARBOR: Problem(
        "Something answers at `externalURL` that is not Harbor.",
        "The ingress sends the host elsewhere, or the path `/v2/` or `/api/` is missing.",
        "Check the ingress rules for the host.",
    ),
    Reason.REGISTRY_UNHEALTHY: Problem(
        "Harbor reports unhealthy components.",
        "The message names them and their errors.",
        "Read the log of the component's pod.",
    ),
    Reason.CERTIFICATE_HOST_MISMATCH: Problem(
        "The certificate is for other names.",
        "Its subject alternative names lack the host of `externalURL`.",
        "Issue a certificate with that name, or use one of the names in the message.",
    ),
    Reason.CERTIFICATE_EXPIRED: Problem(
        "The certificate has expired.", "Nobody renewed it.", "Renew the Secret of `spec.expose.tlsSecretName`."
    ),
    Reason.CERTIFICATE_EXPIRING: Problem(
        "A warning about the certificate.",
        "It expires within 14 days.",
        "Renew the Secret of `spec.expose.tlsSecretName`.",
    ),
    Reason.TOKEN_SERVICE_MISMATCH: Problem(
        "`docker login` goes to another address, or a push ends in EOF.",
        "The challenge of `/v2/` names another scheme, host or port than `externalURL`.",
        "Let `externalURL` be what clients type; a proxy in front must send `X-Forwarded-Proto` and keep `Host`.",
    ),
    Reason.UPLOAD_LOCATION_MISMATCH: Problem(
        "`docker push` ends in EOF.",
        "The upload's `Location` names another scheme or host: TLS ends in a proxy that does not say so.",
        "Keep `registry.relativeurls: true` (the operator's default) or set `X-Forwarded-Proto $scheme` at the proxy.",
    ),
    Reason.PROXY_BODY_LIMIT: Problem(
        "Pushing a layer ends in 413.",
        "A proxy in front of Harbor limits the body.",
        'Set `client_max_body_size 0` (ingress-nginx: `proxy-body-size: "0"`) on it.',
    ),
}

CONFIGURATION: Mapping[Reason, Problem] = {
    Reason.ADMIN_CREDENTIALS_REJECTED: Problem(
        "Harbor refuses the admin password.",
        "It was changed in Harbor; `HARBOR_ADMIN_PASSWORD` counts only at the first start.",
        "Put the present password into the Secret that the message names.",
    ),
    Reason.PROJECT_REFUSED: Problem(
        "A project cannot be made or changed.", "Harbor's words are in the message.", "Mend `spec.projects`."
    ),
    Reason.REGISTRY_READ_ONLY: Problem(
        "Harbor is read-only.",
        "Somebody switched it on, often for a migration.",
        "Switch it off under Configuration, System Settings.",
    ),
}

PULL_SECRETS: Mapping[Reason, Problem] = {
    Reason.PULL_CREDENTIAL_REJECTED: Problem(
        "The credential to distribute does not log in.",
        "The account was changed, disabled or deleted in Harbor, or the robot prefix changed.",
        "Mend the Secret of `spec.pullSecrets.credential.secretRef`, or enable the robot again.",
    ),
    Reason.PULL_CREDENTIAL_IS_ADMIN: Problem(
        "The account to distribute is an administrator.",
        "Everybody who may read Secrets or make pods in a namespace could take over the registry.",
        "Use a robot (`spec.pullSecrets.credential.robot`) or an account that may only pull.",
    ),
    Reason.ROBOT_REFUSED: Problem(
        "The robot cannot be made or used.",
        "A robot of that name is somebody else's, or Harbor refuses.",
        "Rename or delete the robot that the message names.",
    ),
    Reason.SECRET_NAME_TAKEN: Problem(
        "An older registry distributes a Secret of the same name.",
        "Two registries cannot share one name in every namespace.",
        "Set another `spec.pullSecrets.secretName` on the younger one.",
    ),
    Reason.NAMESPACES_PENDING: Problem(
        "Some namespaces do not hold the Secret yet.", "They are being written.", "Wait; a minute is already long."
    ),
    Reason.NAMESPACES_FAILED: Problem(
        "Some namespaces cannot hold the Secret.",
        "`status.pullSecrets.failures` says why for each.",
        "Do what it says there.",
    ),
    Reason.FOREIGN_SECRET: Problem(
        "A namespace has a Secret of that name that is not ours.",
        "Somebody made it by hand or with another tool.",
        "Delete it, or set `spec.pullSecrets.conflictPolicy: Adopt` to overwrite it.",
    ),
    Reason.PULL_SECRETS_CONTESTED: Problem(
        "A warning names objects in namespaces; the operator repairs them ever more slowly. It goes when they stand.",
        "Somebody, often another controller or a GitOps tool, keeps undoing what the operator writes there.",
        "Let the other writer keep the entry (Argo CD: `ignoreDifferences` on `imagePullSecrets`), or exclude the "
        "namespace in `spec.pullSecrets.namespaces`.",
    ),
    Reason.PODS_STUCK: Problem(
        "A warning names pods that cannot pull and are not, or not yet, replaced.",
        "They were created before their service account had the reference, which Kubernetes copies only then. No "
        "controller would make another, or another would be the same, or a PodDisruptionBudget holds it.",
        "Do what the warning says of the pod: create it again, put the Secret's name into the template's "
        "`imagePullSecrets`, or loosen the budget.",
    ),
    Reason.EVICTION_RIGHTS_MISSING: Problem(
        "A warning; stuck pods stay, everything else goes on.",
        "`spec.pullSecrets.stuckPods: Evict` needs to watch and evict pods, which the default roles do not allow.",
        "`kubectl apply -k deploy/components/evict-stuck-pods`, or set `Ignore`.",
    ),
    Reason.PULL_SECRETS_CLEANING_UP: Problem(
        "References and Secrets are being removed.",
        "The registry, or its `pullSecrets` section, was deleted or the Secret renamed.",
        "Wait.",
    ),
    Reason.ADMISSION_POLICY_SETTLING: Problem(
        "The condition is False for some seconds.",
        "The admission policy was made or put right; API servers take it up once a second.",
        "Wait. If it comes again and again, somebody else edits the policy.",
    ),
    Reason.ADMISSION_POLICY_UNSUPPORTED: Problem(
        "The condition is False although `status.pullSecrets` counts every namespace as ready.",
        "`spec.pullSecrets.admissionPolicy` is Enabled, and the cluster is older than Kubernetes 1.36 or has the API "
        "switched off (`--runtime-config`). Secrets are spread and attached a moment after a service account's birth "
        "instead, and a pod may be faster.",
        "Upgrade the cluster or switch the API on; or set the field to Disabled.",
    ),
    Reason.ADMISSION_POLICY_FOREIGN: Problem(
        "A MutatingAdmissionPolicy or its binding has the name that the operator needs.",
        "Somebody made it by hand, or took the operator's labels off.",
        "Delete it; the operator makes its own at the next pass.",
    ),
    Reason.ADMISSION_POLICY_IGNORED: Problem(
        "A warning counts service accounts that were born without their reference.",
        "The API server, or one of several, serves admission policies but does not act by them "
        "(`--feature-gates=MutatingAdmissionPolicy=false`, `--disable-admission-plugins`), or fails to evaluate this "
        "one; no client can see that but by what becomes of new accounts.",
        "Switch it on in every API server, or set `spec.pullSecrets.admissionPolicy` to Disabled. The warning goes "
        "with the next account that is born right.",
    ),
    Reason.ADMISSION_POLICY_REFUSED: Problem(
        "The API server does not take the admission policy.",
        "A label key or value of `spec.pullSecrets.namespaces.selector`, or a name in `serviceAccounts`, is none that "
        "Kubernetes allows.",
        "Mend the field that the server names in the message.",
    ),
}
