"""Problems that docker, a node or a log shows, and that no condition of a HarborRegistry reports."""

from __future__ import annotations

from collections.abc import Mapping

from harbor_operator.checks.catalogue.problem import Problem

PROBLEMS: Mapping[str, Problem] = {
    "PushDenied": Problem(
        "`docker push` is denied.",
        "The project does not exist, the account has no right to push to it, the project is a proxy cache, the port in "
        "the tag differs from that of `spec.externalURL`, or the client has no login for that host. Harbor creates no "
        "project by itself.",
        "Add the project to `spec.projects`, or give the account the role Developer in it. Tag the image with the host "
        "and port of `spec.externalURL`, and log in to it: `docker login HOST[:PORT]`. The account of a pull Secret "
        "can never push.",
        (
            "denied: requested access to the resource is denied",
            "unauthorized to access repository: …, action: push",
            "project … not found",
            "can not push artifact to a proxy project",
            "trying to reuse blob … at destination: checking whether a blob … unauthorized: authentication required",
        ),
    ),
    "PullDenied": Problem(
        "A pull is denied although the login is accepted.",
        "The account has no right to pull from the project, or the project or repository does not exist: a registry "
        "does not say which.",
        "Run `kubectl harbor why POD`. Correct the name of the image, or add the project to "
        "`spec.pullSecrets.credential.robot.projects`.",
        (
            "unauthorized to access repository: …, action: pull",
            "pull access denied",
            "insufficient_scope: authorization failed",
        ),
    ),
    "PullWithoutCredential": Problem(
        "A pod stays in `ImagePullBackOff`, because the node sends no credential or none for this host.",
        "The pod has no `imagePullSecrets`, the Secret does not exist in its namespace, or the Secret is for another "
        "host, port or path. The list is copied from the service account when the pod is created.",
        "Run `kubectl harbor why POD`. A pod that was created before its Secret must be created again; "
        "`spec.pullSecrets.stuckPods: Evict` does this.",
        (
            "no basic auth credentials",
            "Unable to retrieve some image pull secrets",
            "unauthorized: authentication required",
            "failed to fetch anonymous token: … 401 Unauthorized",
        ),
    ),
    "PodBeforeSecret": Problem(
        "A pod stays in `ImagePullBackOff`, and a new pod of the same workload starts.",
        "The pod was created before its service account had the reference. Kubernetes copies the list once.",
        "Delete the pod, so that its controller creates another one. `spec.pullSecrets.stuckPods: Evict` does this for "
        "every such pod, and `spec.pullSecrets.admissionPolicy: Enabled` prevents it.",
    ),
    "PullWorksNow": Problem(
        "A container waits for its image, and the same pull succeeds from another computer.",
        "The cause is gone and the kubelet waits, or the node has another network, proxy, mirror or trust.",
        "Wait: the kubelet tries again within 5 minutes. To try at once, delete the pod. If it fails again, read the "
        "events of the pod, and the files in `/etc/containerd/certs.d` of the node.",
    ),
    "PullPrevented": Problem(
        "A pull fails with 412.",
        "The project does not allow pulls of images that are not signed, not scanned, or vulnerable.",
        "Scan or sign the image, or change the policy of the project in Harbor (Configuration).",
        ("current image without vulnerability scanning cannot be pulled",),
    ),
    "TooManyPulls": Problem(
        "A pull fails with 429.",
        "The registry, or the one behind a proxy-cache project, limits the number of pulls.",
        "Wait until the limit is over. Log in to the registry, or use a proxy-cache project.",
        ("toomanyrequests: ", "429 Too Many Requests"),
    ),
    "ImageNameInvalid": Problem(
        "A container is in the state `InvalidImageName`.",
        "The name is not a valid image reference, for example because it contains capital letters or `https://`.",
        "Correct the name of the image in the workload.",
        ("couldn't parse image name", "InvalidImageName"),
    ),
    "ImageNotFound": Problem(
        "The registry accepts the pull and does not have the image.",
        "The tag or the repository is misspelt, or the image was deleted or never pushed.",
        "List the tags: `skopeo list-tags docker://REPOSITORY`. Push the image, or correct the reference in the pod.",
        ("manifest unknown", "failed to resolve reference …: not found"),
    ),
    "ProjectQuotaExceeded": Problem(
        "A push is denied with 403 after layers were sent: `Quota exceeded when processing the request`.",
        "The quota of the project is used up.",
        "Raise `quotaGiB` of the project in `spec.projects`, or delete images and run Harbor's garbage collection.",
        ("will exceed the configured upper limit of",),
    ),
    "HttpSecretChanged": Problem(
        "`docker push` ends with `blob upload invalid` while or after Harbor was upgraded.",
        "The replicas of the registry have different values of `registry.secret`, or the value changed during the "
        "upload. The operator keeps it in the Secret `hreg-NAME-pins`.",
        "Push again. If it returns, compare `REGISTRY_HTTP_SECRET` in all pods of the registry: a chart that was "
        "installed without the operator generates another one at each upgrade.",
        ("error resolving upload: invalid secret", "blob upload invalid"),
    ),
    "DriverParameterInvalid": Problem(
        "The registry does not start, and its log ends with `panic:`.",
        "A parameter of the storage driver has a value of another kind than the driver reads: `chunksize` with a unit, "
        "in quotes, or too small, `tempurlmethods` as a text, or a user, password or container of digits. The chart "
        "prints what is in its values as it is, and the registry reads its variables as YAML. Or "
        "the store refuses the name of the account or container (RGW takes none with fewer than 3 characters, Azure "
        "no capital letters), or the key is not whole.",
        "Let the operator write the values: set `spec.storage.swift.chunkSizeMiB`, or `chunksize: '20971520'` and "
        "`tempurlmethods: 'GET,HEAD'` in `spec.storage.driver.parameters`. Without the operator, give the chart "
        '`chunksize: "20971520"` and `tempurlmethods: "[GET,HEAD]"`. Give the container a name of 3 or more '
        "characters, in Azure of lower-case letters, digits and single hyphens. Copy a key of Azure again, with its "
        "last characters `==`.",
        (
            "expected type 'int', got unconvertible type",
            "expected type 'string', got unconvertible type",
            "parameter should be a number that is larger than or equal to",
            "parameter should be a number between",
            "parameter must be an integer",
            "chunksize should be a multiple of",
            "'TempURLMethods': source data must be an array or slice, got string",
            "failed to retrieve info about container … (Bad Request)",
            "azure: account name is not valid",
            "azure: malformed storage account key",
            "The specified resource name contains invalid characters",
        ),
    ),
    "DriverLoginRejected": Problem(
        "The registry does not start, or pushes and pulls fail with status 500: Azure rejects the key.",
        "The key of the storage account was rotated in Azure, or belongs to another account.",
        "Put a present key of the account into the Secret of `spec.storage.driver.secretRef`. The operator restarts "
        "the registry and proves the storage again.",
        ("Server failed to authenticate the request",),
    ),
    "RegistryIdentityMissing": Problem(
        "Pushes and pulls fail with status 500: the registry has no keys for S3.",
        "`spec.storage.s3.ambientIdentity` is set, or `spec.storage.driver` without `secretRef`, and the client "
        "library of the registry finds no identity. Distribution 2.8, as in Harbor up to 2.15, knows neither IRSA nor "
        "EKS Pod Identity, and asks the metadata service of the node without a token (IMDSv1).",
        "Give the pods of the registry an identity that its image knows, or keys in the Secret of "
        "`spec.storage.s3.credentialsSecretRef`.",
        ("NoCredentialProviders: no valid providers in chain",),
    ),
    "SwiftEndpointMissing": Problem(
        "The registry does not start: the login of its Swift driver is accepted, and names no store.",
        "The catalog of Keystone has no object store in the region of the driver, or none that its `endpointtype` "
        "shows. Or `authversion` is 1 and the address is not that of a Swift login.",
        "Compare `region` and `endpointtype` in `spec.storage.driver.parameters` with `openstack catalog show "
        "object-store`. An address of version 1 ends with `/auth/v1.0`.",
        ("swift authentication failed: Response didn't have storage url and auth token",),
    ),
    "DriverContainerMissing": Problem(
        "Pushes and pulls fail with status 500 or 404: the container in Azure does not exist.",
        "It was deleted while the registry ran. The registry creates an absent container only when it starts, and an "
        "empty one: Harbor's images would be listed and could not be pulled.",
        "Restore the container in Azure before the registry starts again: a deleted container can be restored only "
        "while no other one has its name. A registry without images needs only a restart.",
        ("The specified container does not exist",),
    ),
    "BlobUploadUnknown": Problem(
        "`docker push` ends with `blob upload unknown`.",
        "The registry does not find the state of the upload in the storage: a proxy ended the request too early, or "
        "the store does not list what was just written.",
        "Raise the read and send time-outs of the proxy in front of the store. With several replicas of the registry, "
        "all of them must use the same storage.",
        ("blob upload unknown",),
    ),
    "RedirectUnreachable": Problem(
        "A pull starts, and a layer cannot be downloaded.",
        "The registry redirects clients to the object store, which they cannot reach.",
        "Set `persistence.imageChartStorage.disableredirect: true` in the chart values. With `spec.storage`, the "
        "operator sets it.",
        ("dial tcp …:7480: i/o timeout",),
    ),
    "PlainHttpRegistry": Problem(
        "A node or docker cannot use the registry because it answers plain HTTP.",
        "The port serves HTTP, and clients use TLS for every host but localhost.",
        "Use the port that serves TLS in the name of the image, or terminate TLS in front of Harbor.",
        ("server gave HTTP response to HTTPS client",),
    ),
    "RegistryNameUnresolved": Problem(
        "A node cannot resolve the name of the registry.",
        "Nodes use their own DNS servers and not those of the cluster: a name of a Service is unknown to them.",
        "Use a name that the DNS servers of the nodes know, in `spec.externalURL` and in the names of images.",
        ("no such host",),
    ),
    "OidcRefreshTokenMissing": Problem(
        "The CLI secret of an OIDC user is refused some time after the last login in the browser.",
        "The secret depends on the ID token. Harbor renews it with a refresh token, and the provider gave none: the "
        "scope lacks `offline_access`, or the connector of the provider cannot refresh.",
        "Log in with the browser again. Add `offline_access` to the scope in Harbor. For programs and pull Secrets, "
        "use a robot account: it does not depend on OIDC.",
        ("failed to refresh token, username: …", "failed to verify secret"),
    ),
    "S3ListingTruncated": Problem(
        "The catalog shows only the first repository, images have 0 B, or garbage collection crashes.",
        "Harbor 1.9 with the S3 driver on a Ceph RGW (distribution/distribution#2553). A container that the Swift "
        "driver wrote and the S3 driver reads shows 0 B as well.",
        "Use a chart from 1.4 on, which ships Harbor 2. Never open a container with another driver than the one that "
        "wrote it.",
        ("Path not found: /docker/registry/v2/repositories",),
    ),
}
