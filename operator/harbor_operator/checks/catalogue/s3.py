"""Problems of an S3 bucket as the storage."""

from __future__ import annotations

from collections.abc import Mapping

from harbor_operator.checks.catalogue.problem import Problem
from harbor_operator.reasons import Reason

PROBLEMS: Mapping[Reason, Problem] = {
    Reason.STORAGE_CLOCK_SKEWED: Problem(
        "The S3 store refuses every request (`RequestTimeTooSkewed`).",
        "The clocks of the operator's node and of the store differ by more than 15 minutes.",
        "Synchronize the nodes and the servers of the store with one time server.",
    ),
    Reason.STORAGE_REGION_MISMATCH: Problem(
        "The S3 store refuses the signature (`AuthorizationHeaderMalformed`, or status 301).",
        "`spec.storage.s3.region` is not the region of the bucket.",
        "Set `spec.storage.s3.region` to the region in the message of the condition, or ask the operator of the store. "
        "A server that names no region of its own usually expects us-east-1.",
    ),
    Reason.STORAGE_BUCKET_MISSING: Problem(
        "The bucket does not exist.",
        "No one created it, or `spec.storage.s3.bucket` is misspelt. The registry would start and fail at each push.",
        "Create the bucket with the keys of `spec.storage.s3.credentialsSecretRef`, or set `spec.storage.s3.provision` "
        "for Ceph RGW.",
    ),
    Reason.STORAGE_ACCESS_DENIED: Problem(
        "The S3 store refuses a request with `AccessDenied`.",
        "The policy of the user or of the bucket does not permit it, or another user owns the bucket.",
        "Grant the permission in the message. The registry needs, on the bucket, s3:ListBucket and "
        "s3:ListBucketMultipartUploads, and on its objects s3:GetObject, s3:PutObject, s3:PutObjectAcl, "
        "s3:DeleteObject, s3:ListMultipartUploadParts and s3:AbortMultipartUpload.",
    ),
    Reason.STORAGE_KEY_REFUSED: Problem(
        "The S3 store refuses a request because of its key management service (`KMS.NotFoundException`, or an error "
        "that names `kms`).",
        "`spec.storage.s3.encryption.kmsKeyId` names a key that the service does not have or that is disabled, or the "
        "user of the bucket must not use the key.",
        "Set `kmsKeyId` to a key that exists, or enable it, and permit the user to encrypt and decrypt with it (in "
        "AWS, kms:GenerateDataKey and kms:Decrypt). Do not delete a key with which images were stored: they could no "
        "longer be read.",
    ),
    Reason.STORAGE_BUCKET_LOCKED: Problem(
        "The bucket has Object Lock.",
        "The store keeps what garbage collection deletes, so the bucket only grows. Object Lock cannot be disabled.",
        "Create another bucket without Object Lock and set `spec.storage.s3.bucket` in a new HarborRegistry.",
    ),
    Reason.STORAGE_BUCKET_VERSIONED: Problem(
        "`status.warnings` names the versions of the bucket.",
        "The bucket keeps each deleted object as a noncurrent version.",
        "Add a lifecycle rule that expires noncurrent versions and removes expired delete markers.",
    ),
    Reason.STORAGE_REDIRECT_UNREACHABLE: Problem(
        "Pulls would fail: 'dial tcp: lookup …' or a timeout at the address of the store.",
        "`spec.storage.s3.redirect` is true, and `spec.storage.s3.endpoint` is a name inside the cluster.",
        "Remove `spec.storage.s3.redirect`, or set an endpoint that all nodes can reach.",
    ),
    Reason.S3_UNSUPPORTED: Problem(
        "Harbor 1.9 (charts 1.2.x) with S3 on Ceph RGW.",
        "Its registry fails on a listing without `KeyCount` (goharbor/harbor#8121): the catalog shows the first "
        "repository only, images have 0 B, and garbage collection crashes.",
        "Set `spec.release.version` to 1.3.0 or newer, or use Swift.",
    ),
}
