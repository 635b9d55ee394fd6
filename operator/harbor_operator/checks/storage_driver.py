"""Checks of a storage that only the registry can use: what is known before the release, and its proof."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from pydantic import SecretStr

from harbor_operator.api.chart_keys import chart_keys, unknown_key
from harbor_operator.api.s3 import S3
from harbor_operator.api.storage_driver import DriverName, StorageDriver
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.image_proof import ProofFailure, ProofImage
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.storage import DRIVER_SPEC, S3_SPEC, DesiredDriver
from harbor_operator.reasons import Reason

_AZURE_KEY = "a key of the storage account, which is base64: copy it again, whole"
_GOOGLE_KEY = (
    "the JSON file of a service account, with `client_email` and `private_key`: create the Secret from that file"
    " (kubectl create secret --from-file)"
)
_RIGHTS = "read, write, list and delete"
_KNOWN_IDENTITIES = (
    "'NoCredentialProviders' in the log means that the registry has found no identity: one of distribution 2.8, as in"
    " Harbor up to 2.15, knows variables, a credentials file and the metadata service of the node without a token"
    " (IMDSv1), but neither IRSA nor EKS Pod Identity"
)


def check_parameters(driver: StorageDriver, minor: int) -> Blocked | None:
    """Returns which parameters charts of this minor do not read, so that they would be without effect."""
    known = chart_keys(minor)
    section = ("persistence", "imageChartStorage", str(driver.name))
    unread = [name for name in driver.parameters if unknown_key((*section, name), known)]
    if not unread:
        return None
    fields = " and ".join(f"`{DRIVER_SPEC}.parameters.{name}`" for name in unread)
    return Blocked(
        Reason.VALUES_INVALID,
        f"charts 1.{minor}.x do not read {fields}: remove the parameter, or use a newer chart in"
        " `spec.release.version`",
    )


def check_credential(name: str, where: str, field: str, values: Mapping[str, SecretStr]) -> Blocked | None:
    """Returns a credential with which the driver does not start; `where` is the text of `describe_secret`.

    Azure's keys are base64, and Google's key is the JSON file of a service account.
    """
    checks = {"azure": (_is_base64, _AZURE_KEY), "gcs": (_is_service_account, _GOOGLE_KEY)}
    readable, wanted = checks.get(name, (bool, ""))
    odd = [key for key, value in values.items() if not readable(value.get_secret_value())]
    if not odd:
        return None
    return Blocked(Reason.SECRET_INVALID, f"'{odd[0]}' in {where}, named by `{field}`, must be {wanted}")


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text.strip(), validate=True)
    except ValueError:
        return False
    return True


def _is_service_account(text: str) -> bool:
    try:
        content = json.loads(text)
    except ValueError:
        return False
    wanted = ("client_email", "private_key")
    return isinstance(content, dict) and content.get("type") == "service_account" and all(map(content.get, wanted))


def describe_driver(desired: DesiredDriver) -> str:
    """Returns what is known of the storage before the release."""
    login = (
        f"Secret '{desired.secret.name}' contains {' and '.join(desired.keys)}"
        if desired.secret
        else "the registry logs in with the identity of its pod"
    )
    lack = "client" if desired.spec == DRIVER_SPEC else "keys"
    return (
        f"the chart configures driver '{desired.name}' ({desired.place}): {login}. The operator has no {lack} for this"
        " store: after the release, RegistryReachable says whether the registry can use it"
    )


def check_proof_project(image: ProofImage, repositories: Sequence[str] | None) -> Blocked | None:
    """Returns that the project of the test image holds repositories that the operator did not create."""
    foreign = [name for name in repositories or () if name != image.repository]
    if not foreign:
        return None
    return Blocked(
        Reason.PROJECT_REFUSED,
        f"project '{image.project}' in Harbor, in which the operator stores an image to prove the storage, holds the"
        f" repository '{foreign[0]}' of another client: move it to another project",
    )


def check_proof(registry: HarborRegistry, release: str, failure: ProofFailure | None) -> Blocked | None:
    """Returns what a failed proof means and what to do; None without a failure. `release` is the Helm release."""
    section = registry.spec.storage.registry_only if registry.spec.storage else None
    if failure is None or section is None:
        return None
    answer = "other bytes" if failure.status == HTTPStatus.OK else f"HTTP {failure.status}"
    detail = f" '{failure.message}'" if failure.message and failure.message != answer else ""
    return Blocked(
        Reason.STORAGE_PROOF_FAILED,
        f"the registry could not {failure.step} with driver '{_name(section)}' ({answer}{detail}): read its log"
        f" (`kubectl -n {registry.metadata.namespace} logs -l release={release},component=registry -c registry`),"
        f" then correct {_what_to_correct(section)}",
    )


def _name(section: StorageDriver | S3) -> DriverName:
    return section.name if isinstance(section, StorageDriver) else DriverName.S3


def _what_to_correct(section: StorageDriver | S3) -> str:
    if isinstance(section, S3):
        return f"`{S3_SPEC}`, or the rights of the identity of the registry's pod: {_RIGHTS}; {_KNOWN_IDENTITIES}"
    credential = f"Secret '{section.secret_ref.name}'" if section.secret_ref else "the identity of the registry's pod"
    return f"`{DRIVER_SPEC}.parameters`, or the rights of {credential}: {_RIGHTS}"


def describe_proof(registry: HarborRegistry, *, is_proved: bool) -> str:
    """Returns the end of the message of a registry that answers; empty if the operator proved the storage itself."""
    section = registry.spec.storage.registry_only if registry.spec.storage else None
    if section is None:
        return ""
    if is_proved:
        return f"; the registry stored, returned and deleted an image with driver '{_name(section)}'"
    return f"; driver '{_name(section)}' is not proved yet, because Harbor does not accept the administrator's login"
