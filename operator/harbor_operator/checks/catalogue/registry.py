"""Reasons of the running registry: reachability and pull Secrets."""

from __future__ import annotations

from collections.abc import Mapping

from harbor_operator.checks.catalogue.problem import Problem
from harbor_operator.reasons import Reason

REACHABILITY: Mapping[Reason, Problem] = {
    Reason.REGISTRY_UNREACHABLE: Problem(
        "`spec.externalURL` does not respond.",
        "DNS, the ingress or a firewall is wrong, or the pods are not ready yet.",
        "Run `curl -i EXTERNALURL/v2/` in a pod.",
    ),
    Reason.REGISTRY_NOT_HARBOR: Problem(
        "The server at `spec.externalURL` is not Harbor.",
        "The ingress routes the host to another service, or the path `/v2/` or `/api/` is missing.",
        "Check the ingress rules for the host.",
    ),
    Reason.ROUTE_NOT_ACCEPTED: Problem(
        "`spec.expose.type` is `route`, and a Gateway does not serve the HTTPRoute of the release. While Harbor is "
        "reachable, this is a warning.",
        "No listener of the Gateway has the host of `spec.externalURL`, the Gateway does not allow routes of this "
        "namespace, its controller does not run, or the route was deleted. The message repeats what the "
        "controller reports.",
        "Run `kubectl -n NAMESPACE describe httproute`, and correct the listener of the Gateway or "
        "`spec.expose.parentRefs`. [Gateway API](how-to/gateway-api.md) has an example. With `spec.release.drift: "
        "Repair`, the operator creates a deleted route again.",
        ("NoMatchingListenerHostname", "NotAllowedByListeners", "NoMatchingParent"),
    ),
    Reason.GATEWAY_NOT_PROGRAMMED: Problem(
        "A Gateway of `spec.expose.parentRefs` or its listener does not exist or is not programmed. While Harbor is "
        "reachable, this is a warning.",
        "The Gateway has no address, a certificate of a listener is missing, or no controller serves its GatewayClass.",
        "Run `kubectl -n NAMESPACE describe gateway NAME`, and correct what it says about it and its listeners.",
    ),
    Reason.BACKEND_TLS_MISSING: Problem(
        "`status.warnings` reports that a Gateway sends plain HTTP to Harbor, and clients get status 400 or 502.",
        "`spec.internalTLS` is on, and the operator cannot create the BackendTLSPolicies that tell the Gateway to use "
        "TLS, or a controller does not accept them.",
        "Give the operator the role in the message, or install a Gateway API with BackendTLSPolicy. Remove a policy of "
        "your own for the Services of core and the portal.",
    ),
    Reason.EXTRA_HOST_FAILED: Problem(
        "`status.warnings` names hosts of `spec.pullSecrets.extraHosts`.",
        "A name does not lead to this Harbor, its certificate is not accepted by clients, or the operator cannot reach "
        "it. The pull Secret contains the host all the same.",
        "Correct DNS, the proxy or the certificate, or remove the host. If only other networks can reach the name, the "
        "warning does not matter. A host that did not answer is tried again after an hour, or at once with `kubectl "
        "harbor reconcile`.",
    ),
    Reason.REGISTRY_UNHEALTHY: Problem(
        "Harbor reports unhealthy components.",
        "The message names the components and their errors.",
        "Read the log of the component's pod.",
    ),
    Reason.CERTIFICATE_HOST_MISMATCH: Problem(
        "The certificate is valid for other names.",
        "Its subject alternative names do not include the host of `spec.externalURL`.",
        "Issue a certificate with that name, or use one of the names in the message.",
        ("x509: certificate is valid for …, not",),
    ),
    Reason.CERTIFICATE_EXPIRED: Problem(
        "The certificate has expired.",
        "It was not renewed in time.",
        "Renew the certificate in the Secret of `spec.expose.tlsSecretName`.",
        ("x509: certificate has expired or is not yet valid",),
    ),
    Reason.CERTIFICATE_EXPIRING: Problem(
        "`status.warnings` names the certificate.",
        "It expires within 14 days.",
        "Renew the certificate in the Secret of `spec.expose.tlsSecretName`.",
    ),
    Reason.TOKEN_SERVICE_MISMATCH: Problem(
        "`docker login` goes to another address, or a push ends with EOF.",
        "The challenge of `/v2/` names another scheme, host or port than `spec.externalURL`.",
        "Set `spec.externalURL` to the address that clients use. A proxy in front of Harbor must set "
        "`X-Forwarded-Proto` and keep `Host`.",
    ),
    Reason.STORAGE_PROOF_FAILED: Problem(
        "Pushes or pulls fail with status 500 since the release was installed or the storage was changed.",
        "The registry cannot store, return or delete a test image: a parameter of the driver is wrong, or its "
        "credential lacks a right in the store. Or the registry finds no identity "
        "(`spec.storage.s3.ambientIdentity`).",
        "Read the log of the container `registry` as the message says: it has the error of the driver. Correct "
        "`spec.storage.driver.parameters` or `spec.storage.s3`, or the rights of the credential. The operator repeats "
        "the proof after five minutes, and at once after a change.",
    ),
    Reason.UPLOAD_LOCATION_MISMATCH: Problem(
        "`docker push` ends with EOF.",
        "The `Location` of an upload names another scheme or host: a proxy terminates TLS and does not forward the "
        "scheme.",
        "Keep `registry.relativeurls: true` (the operator's default), or set `X-Forwarded-Proto $scheme` on the proxy.",
        ("http://…: EOF",),
    ),
    Reason.PROXY_BODY_LIMIT: Problem(
        "A push of a layer fails with 413, or `status.warnings` names a limit.",
        "A proxy in front of Harbor limits the size of the body. The condition is False if 2 MiB are refused. A higher "
        "limit, for example 100 MB of a CDN, is a warning: the operator announces up to 8 GiB with `Expect: "
        "100-continue` and sends none of it.",
        'Set `client_max_body_size 0` on the proxy (ingress-nginx: `proxy-body-size: "0"`). If a CDN has a fixed '
        "limit, push by a host name that does not lead through it.",
        ("413 Request Entity Too Large",),
    ),
}

PULL_SECRETS: Mapping[Reason, Problem] = {
    Reason.PULL_CREDENTIAL_REJECTED: Problem(
        "Harbor rejects the pull credential.",
        "The account was changed, disabled or deleted in Harbor, or the robot prefix changed.",
        "Correct the Secret of `spec.pullSecrets.credential.secretRef`, or enable the robot again.",
        ("failed to fetch oauth token: … 401 Unauthorized",),
    ),
    Reason.PULL_CREDENTIAL_IS_ADMIN: Problem(
        "The account in the pull credential is an administrator.",
        "Anyone who reads Secrets or creates pods in a namespace could take over the registry.",
        "Use a robot (`spec.pullSecrets.credential.robot`), or an account with pull permission only.",
    ),
    Reason.ROBOT_REFUSED: Problem(
        "The operator cannot create or use the robot.",
        "A robot of that name exists and was not created for this HarborRegistry, or Harbor rejects the request.",
        "If Harbor rejects the request, the message contains its own error. Otherwise another client can be using the "
        "robot: give this HarborRegistry another name. Two clusters with the same `HARBOR_OPERATOR_CLUSTER_ID` share "
        "their robots: each cluster needs a value of its own.",
    ),
    Reason.ROBOT_ROTATION_FAILED: Problem(
        "`status.warnings` says that a credential was not replaced; the present one stays in use.",
        "The robot of the next generation could not be created, or Harbor rejects it or does not let it pull.",
        "The message contains Harbor's answer. The next reconciliation tries the rotation again.",
    ),
    Reason.ROBOT_STILL_USED: Problem(
        "`status.warnings` names a robot that was replaced and is not disabled.",
        "Harbor's audit log shows that it is used, although every Secret has the new credential. The password of a "
        "pull robot was copied from a pull Secret, for example into a pipeline; or a pipeline keeps the earlier login "
        "of its robot of `spec.projects[].robots`.",
        "Give a client outside of the pull Secrets a robot of its own, and let pipelines read their Secret again. The "
        "operator disables the robot once it has been unused for `retireAfterSeconds`.",
    ),
    Reason.PROJECT_CREATION_OPEN: Problem(
        "Anyone who can read a pull Secret can create projects in Harbor.",
        "Harbor lets every account, also a robot with pull permission only, create projects while its setting "
        "`project_creation_restriction` is `everyone`, the default.",
        "Set Project Creation to Admin Only in Harbor under Configuration, System Settings.",
    ),
    Reason.PULL_CREDENTIAL_MAY_PUSH: Problem(
        "The pull credential is refused, and the message names projects that it may push to.",
        "The account in `spec.pullSecrets.credential.secretRef` has more rights than pull. Anyone who can create pods "
        "in a selected namespace can replace images with it.",
        "Give the account a role with pull permission only (Limited Guest), or set "
        "`spec.pullSecrets.credential.robot`. `spec.pullSecrets.credential.allowPush` permits the account.",
    ),
    Reason.PULL_CREDENTIAL_EXPIRING: Problem(
        "`status.warnings` names the robot in `spec.pullSecrets.credential.secretRef`.",
        "An administrator gave the robot a limited lifetime, which is over within 14 days, or within a third of it if "
        "it is shorter than 42 days. From then on, Harbor rejects the login, and no image can be pulled with it.",
        "Set a later expiration of the robot in Harbor, or put the login of another robot into the Secret. Or set "
        "`spec.pullSecrets.credential.robot` instead of `secretRef`: the operator replaces its own robots in time.",
    ),
    Reason.PULL_CREDENTIAL_UNVERIFIABLE: Problem(
        "The registry accepts the pull credential, and Harbor's API does not say whose it is.",
        "The Secret contains the CLI secret of an OIDC user. Harbor's API does not accept such a secret, so the "
        "account can be an administrator.",
        "Set `spec.pullSecrets.credential.robot`, or put the login of a robot account into the Secret.",
    ),
    Reason.INJECTION_NOT_GRANTED: Problem(
        "`PullSecretsReady` is False and nothing is injected.",
        "The namespace of the HarborRegistry is not in the operator's setting `HARBOR_OPERATOR_INJECTION_NAMESPACES`. "
        "An injected Secret reaches every namespace, so only the administrator of the operator grants it.",
        "Ask the administrator to add the namespace to the setting, or remove `spec.pullSecrets`.",
    ),
    Reason.SECRET_NAME_TAKEN: Problem(
        "An older HarborRegistry injects a Secret of the same name.",
        "Two HarborRegistries cannot use one Secret name.",
        "Set another `spec.pullSecrets.secretName` on the younger one.",
    ),
    Reason.NAMESPACES_PENDING: Problem(
        "Some namespaces do not hold the Secret yet.",
        "The operator writes them now. A namespace without its `default` service account waits for "
        "kube-controller-manager.",
        "Wait. If the condition stays for more than a minute, look at the metrics `harbor_operator_workqueue_depth` "
        "and `harbor_operator_rest_client_requests_total`.",
    ),
    Reason.NAMESPACES_FAILED: Problem(
        "The operator cannot write the Secret into some namespaces.",
        "`status.pullSecrets.failures` has the reason for each namespace.",
        "Apply the remedy of each entry in `status.pullSecrets.failures`.",
    ),
    Reason.PULL_PROOF_FAILED: Problem(
        "Pods in the namespaces that the message names cannot pull, although these contain the pull Secret.",
        "The operator reads the pull Secrets of a few namespaces at a time and pulls with each as a node does. Harbor "
        "rejects the login of these Secrets, or the login lacks the right to pull the image that the message names: "
        "the account was changed, disabled or deleted in Harbor, or the Secret was changed.",
        "Run `kubectl harbor verify NAMESPACE`: it shows the step that fails. Enable the account in Harbor, or give it "
        "the right to pull. The operator corrects robots of its own in a later reconciliation, and tries these "
        "namespaces again every minute.",
    ),
    Reason.NAMESPACE_QUOTA_EXCEEDED: Problem(
        "`status.pullSecrets.failures` names a namespace and its ResourceQuota. All other namespaces continue.",
        "The quota does not allow another Secret in the namespace.",
        "Raise the quota, or exclude the namespace in `spec.pullSecrets.namespaces`. The operator tries again at the "
        "latest after 7.5 minutes.",
    ),
    Reason.ADMISSION_DENIED: Problem(
        "`status.pullSecrets.failures` names a namespace and an admission policy or webhook. All other namespaces "
        "continue.",
        "The policy or webhook denies the pull Secret or the change of the service account, or the webhook does not "
        "answer.",
        "Exempt the objects in the policy or webhook, repair the webhook, or exclude the namespace in "
        "`spec.pullSecrets.namespaces`. The operator tries again at the latest after 7.5 minutes.",
    ),
    Reason.NAMESPACE_WRITE_FORBIDDEN: Problem(
        "`status.warnings` names namespaces without the pull Secret. Everything else continues.",
        "The roles of the operator allow the write in every namespace, and another authorizer of the API server denies "
        "it in these: the provider of the cluster manages them (GKE Autopilot: `gke-*`).",
        "Exclude the namespaces in `spec.pullSecrets.namespaces.exclude`.",
    ),
    Reason.FOREIGN_SECRET: Problem(
        "A namespace contains a Secret of that name that the operator did not create.",
        "It was created by hand or by another tool.",
        "Check that the Secret is unused, then delete it. To overwrite such Secrets in all namespaces, set "
        "`spec.pullSecrets.conflictPolicy: Adopt`.",
    ),
    Reason.PULL_SECRET_LINGERS: Problem(
        "A pull Secret is being deleted and does not disappear.",
        "Another client has put a finalizer on it. Only that client can end the deletion.",
        "Run `kubectl -n NAMESPACE get secret NAME -o jsonpath='{.metadata.finalizers}'` in the namespaces that the "
        "message names, and let the owner of the finalizer remove it. Nothing else waits for this: a HarborRegistry "
        "can be deleted, and a Secret that is still desired is created again at once.",
    ),
    Reason.PULL_SECRET_REWRITTEN: Problem(
        "A pull Secret that the operator wrote has lost the label `harbor-operator.io/registry-uid`. The operator does "
        "not write to it any more, because the label is its proof that the Secret is its own.",
        "A mutating admission policy or webhook removes the label whenever the Secret is written, or another client "
        "removed it once.",
        "Except Secrets of that name from the policy or webhook, then delete the Secret in the namespaces that the "
        "message names: the operator creates it again.",
    ),
    Reason.PULL_SECRETS_CONFLICT: Problem(
        "`status.warnings` names objects that the operator repairs repeatedly. The warning ends when the objects stay "
        "unchanged.",
        "Another client, often a controller or a GitOps tool, keeps reverting the operator's writes, or a mutating "
        "admission policy or webhook changes each of them.",
        "Configure the other client, policy or webhook to keep the entry (Argo CD: `ignoreDifferences` on "
        "`imagePullSecrets`), or exclude the namespace in `spec.pullSecrets.namespaces`.",
    ),
    Reason.PODS_STUCK: Problem(
        "`status.warnings` names pods that cannot pull and that the operator does not evict.",
        "They were created before their service account referenced the Secret. Kubernetes copies the reference only "
        "at pod creation. The pod has no controller, its replacement would be the same, or a PodDisruptionBudget "
        "blocks the eviction.",
        "Apply the remedy in the warning: create the pod again, add the Secret to `imagePullSecrets` of the pod "
        "template, or relax the budget.",
    ),
    Reason.EVICTION_RIGHTS_MISSING: Problem(
        "`status.warnings` reports that stuck pods are not evicted. Everything else continues.",
        "`spec.pullSecrets.stuckPods: Evict` needs permission to watch and evict pods. The default roles do not "
        "include it.",
        "Run `kubectl apply -k deploy/components/evict-stuck-pods`, or set `evictStuckPods.enabled` in the operator's "
        "Helm chart, or set `spec.pullSecrets.stuckPods: Ignore`.",
    ),
    Reason.PULL_SECRETS_CLEANING_UP: Problem(
        "The operator removes references and Secrets.",
        "The HarborRegistry or `spec.pullSecrets` was deleted, or the Secret was renamed.",
        "Wait.",
    ),
    Reason.ADMISSION_POLICY_SETTLING: Problem(
        "The condition is False for some seconds.",
        "The operator created or repaired the admission policy. API servers load policies once a second.",
        "Wait. If the reason returns repeatedly, another client edits the policy.",
    ),
    Reason.ADMISSION_POLICY_UNSUPPORTED: Problem(
        "The condition is False although `status.pullSecrets` counts every namespace as ready.",
        "`spec.pullSecrets.admissionPolicy` is Enabled, and the cluster is older than Kubernetes 1.36 or has the API "
        "disabled (`--runtime-config`). The operator adds the reference after the service account was created, so a "
        "pod can start without it.",
        "Upgrade the cluster, enable the API, or set `spec.pullSecrets.admissionPolicy: Disabled`.",
    ),
    Reason.ADMISSION_POLICY_FOREIGN: Problem(
        "A MutatingAdmissionPolicy or its binding has the name that the operator needs.",
        "Another client created it, or removed the operator's labels.",
        "Check that no one else uses the object, then delete it. The operator creates its own in the next "
        "reconciliation.",
    ),
    Reason.ADMISSION_POLICY_IGNORED: Problem(
        "`status.warnings` counts service accounts that were created without the reference.",
        "At least one API server serves admission policies and does not enforce them "
        "(`--feature-gates=MutatingAdmissionPolicy=false`, `--disable-admission-plugins`), or fails to evaluate this "
        "one. A client can detect this only from new service accounts.",
        "Enable the policy in every API server, or set `spec.pullSecrets.admissionPolicy: Disabled`. The warning ends "
        "with the next service account that the policy mutates.",
    ),
    Reason.ADMISSION_POLICY_REFUSED: Problem(
        "The API server rejects the admission policy.",
        "A label key or value of `spec.pullSecrets.namespaces.selector`, or a name in "
        "`spec.pullSecrets.serviceAccounts`, is not valid in Kubernetes.",
        "Correct the field that the server names in the message.",
    ),
}
