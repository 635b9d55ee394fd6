"""Any other storage driver of the chart, as the spec describes it: the names are those of the chart's values."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import Field, model_validator

from harbor_operator.api.base import CaRef, Model, SecretRef
from harbor_operator.api.charts import Feature

CHUNK_SIZE = "chunksize"
TEMP_URL_METHODS = "tempurlmethods"
WORKLOAD_IDENTITY = "useWorkloadIdentity"
_KIB, _MIB = 1 << 10, 1 << 20

# The chart prints a value without quotes into a YAML file.
ParameterValue = Annotated[
    str, Field(max_length=1024, pattern=r"^[A-Za-z0-9/_]([A-Za-z0-9._/:@+=,~-]*[A-Za-z0-9._/=~-])?$")
]


class DriverName(StrEnum):
    """A storage driver of the registry; the value is `persistence.imageChartStorage.type` of the chart."""

    AZURE = "azure"
    GCS = "gcs"
    OSS = "oss"
    S3 = "s3"
    SWIFT = "swift"


class Number(NamedTuple):
    """The numbers with which a driver starts: `minimum` or more, in steps of `step`."""

    minimum: int
    step: int = 1
    unit: str = "number of bytes"


@dataclass(frozen=True, slots=True)
class DriverSupport:
    """What the chart and the registry know of one driver.

    `required` and `optional` are the values that the chart writes into a ConfigMap. `credential` maps the keys of an
    existing Secret, as the chart reads it, to the values in which older charts take them. `numbers` are the limits of
    the drivers in distribution 2.8, which panic outside of them.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...]
    credential: Mapping[str, str]
    existing_secret: Feature
    numbers: Mapping[str, Number] = field(default_factory=dict)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Every name that `parameters` can contain."""
        return (*self.required, *self.optional)


DRIVERS: Mapping[DriverName, DriverSupport] = {
    DriverName.AZURE: DriverSupport(
        ("accountname", "container"), ("realm",), {"AZURE_STORAGE_ACCESS_KEY": "accountkey"}, Feature.AZURE_SECRET
    ),
    DriverName.GCS: DriverSupport(
        ("bucket",),
        ("rootdirectory", CHUNK_SIZE, WORKLOAD_IDENTITY),
        {"GCS_KEY_DATA": "encodedkey"},
        Feature.GCS_SECRET,
        {CHUNK_SIZE: Number(256 * _KIB, step=256 * _KIB)},
    ),
    DriverName.OSS: DriverSupport(
        ("accesskeyid", "region", "bucket"),
        ("endpoint", "internal", "encrypt", "secure", CHUNK_SIZE, "rootdirectory"),
        {"REGISTRY_STORAGE_OSS_ACCESSKEYSECRET": "accesskeysecret"},
        Feature.OSS_SECRET,
        {CHUNK_SIZE: Number(5 * _MIB)},
    ),
    DriverName.S3: DriverSupport(
        ("region", "bucket"),
        (
            "regionendpoint",
            "encrypt",
            "keyid",
            "secure",
            "skipverify",
            "v4auth",
            CHUNK_SIZE,
            "rootdirectory",
            "storageclass",
            "multipartcopychunksize",
            "multipartcopymaxconcurrency",
            "multipartcopythresholdsize",
        ),
        {"REGISTRY_STORAGE_S3_ACCESSKEY": "accesskey", "REGISTRY_STORAGE_S3_SECRETKEY": "secretkey"},
        Feature.S3_SECRET,
        {
            CHUNK_SIZE: Number(5 * _MIB),
            "multipartcopychunksize": Number(5 * _MIB),
            "multipartcopymaxconcurrency": Number(1, unit="number"),
            "multipartcopythresholdsize": Number(0),
        },
    ),
    DriverName.SWIFT: DriverSupport(
        # Without a version the driver guesses it from the URL, and a "v3" in a host name is enough to mislead it.
        ("authurl", "authversion", "username", "container"),
        (
            "region",
            "tenant",
            "tenantid",
            "domain",
            "domainid",
            "trustid",
            "insecureskipverify",
            CHUNK_SIZE,
            "prefix",
            "endpointtype",
            "tempurlcontainerkey",
            TEMP_URL_METHODS,
        ),
        {"REGISTRY_STORAGE_SWIFT_PASSWORD": "password"},
        Feature.SWIFT_SECRET,
        {CHUNK_SIZE: Number(_MIB)},
    ),
}

LOCATION = ("accountname", "bucket", "container", "prefix", "rootdirectory")
"""The parameters of all drivers that say where the images are."""

SWIFT_TEXTS = (
    *("authurl", "username", "container", "region", "tenant", "tenantid", "domain", "domainid", "trustid"),
    *("prefix", "endpointtype"),
)
"""The parameters that the Swift driver takes only as a text."""

NEEDS_SECRET = (DriverName.AZURE, DriverName.OSS, DriverName.SWIFT)
"""The drivers that cannot log in with the identity of the pod."""

RELEASE_MESSAGE = "`storage.driver` needs `release`: only the chart reads it"
DELETION_MESSAGE = (
    "`deletionPolicy.storage: Delete` is not possible with `storage.driver`: the operator has no client for its store"
)
METHODS_PATTERN = "^(GET|HEAD|PUT|POST|DELETE)(,(GET|HEAD|PUT|POST|DELETE))*$"
METHODS_MESSAGE = "`parameters.tempurlmethods` must be methods with commas between them, for example 'GET,HEAD'"
AZURE_NAMES: Mapping[str, str] = {"accountname": "^[a-z0-9]{3,24}$", "container": "^[a-z0-9](-?[a-z0-9]){2,62}$"}
"""What Azure accepts: with another name, the registry does not start."""
AZURE_NAMES_MESSAGE = (
    "Azure accepts 3 to 24 lower-case letters and digits in `parameters.accountname`, and 3 to 63 lower-case letters, "
    "digits and single hyphens in `parameters.container`"
)
NUMBER_PATTERN = "^[0-9]{1,18}$"
WORKLOAD_IDENTITY_MESSAGE = "`parameters.useWorkloadIdentity` must be 'true' or 'false'"
GCS_LOGIN_MESSAGE = "driver 'gcs' needs exactly one of `secretRef` and `parameters.useWorkloadIdentity: 'true'`"


def secret_message(name: DriverName) -> str:
    """Returns the message for a driver without its Secret."""
    return f"driver '{name}' needs `secretRef`: a Secret with the key {', '.join(DRIVERS[name].credential)}"


def number_message(name: DriverName, parameter: str) -> str:
    """Returns which numbers the driver accepts in a parameter."""
    number = DRIVERS[name].numbers[parameter]
    steps = f", and a multiple of {number.step}" if number.step > 1 else ""
    return f"`parameters.{parameter}` must be a {number.unit}: for driver '{name}' at least {number.minimum}{steps}"


def parameters_message(name: DriverName) -> str:
    """Returns which parameters a driver has."""
    support = DRIVERS[name]
    optional = ", ".join(f"`{parameter}`" for parameter in support.optional)
    required = ", ".join(f"`{parameter}`" for parameter in support.required)
    return (
        f"`parameters` of driver '{name}' must contain {required} and can contain {optional}; credentials belong into "
        "the Secret of `secretRef`"
    )


class StorageDriver(Model):
    """A storage driver of the chart, with the names of the chart; the operator itself has no client for its store."""

    name: DriverName = Field(
        description="Driver of the registry. Immutable. `spec.storage.s3` and `spec.storage.swift` are proved before "
        "the release; use the driver of this name for what they lack: other parameters, and Keystone."
    )
    parameters: Annotated[dict[str, ParameterValue], Field(max_length=32)] = Field(
        description="Values of `persistence.imageChartStorage.NAME` in the chart, as text in quotes, for example "
        "`chunksize: '20971520'`. Never a credential. What says where the images are is immutable."
    )
    secret_ref: SecretRef | None = Field(
        default=None,
        description="Secret with the credential, under the keys that the chart reads from an existing Secret: "
        "AZURE_STORAGE_ACCESS_KEY, GCS_KEY_DATA, REGISTRY_STORAGE_OSS_ACCESSKEYSECRET, REGISTRY_STORAGE_S3_ACCESSKEY "
        "and REGISTRY_STORAGE_S3_SECRETKEY, or REGISTRY_STORAGE_SWIFT_PASSWORD. Absent for s3, or for gcs with "
        "`useWorkloadIdentity` = the identity of the registry's pod.",
    )
    ca_secret_ref: CaRef | None = Field(default=None, description="CA of the store; the registry uses it.")

    @property
    def support(self) -> DriverSupport:
        """What the chart knows of the driver."""
        return DRIVERS[self.name]

    @property
    def uses_workload_identity(self) -> bool:
        """Whether Google Cloud knows the pod, so that it needs no key."""
        return self.parameters.get(WORKLOAD_IDENTITY) == "true"

    @model_validator(mode="after")
    def _parameters_are_known(self) -> StorageDriver:
        for parameter in self.parameters:
            if parameter in self.support.parameters:
                continue
            if parameter in {"existingSecret", *self.support.credential.values()}:
                raise ValueError(f"`parameters.{parameter}` belongs into the Secret of `secretRef`")
            similar = difflib.get_close_matches(parameter, self.support.parameters, n=1)
            hint = f"did you mean `{similar[0]}`?" if similar else parameters_message(self.name)
            raise ValueError(f"`parameters.{parameter}` is no parameter of driver '{self.name}': {hint}")
        if not set(self.support.required) <= self.parameters.keys():
            raise ValueError(parameters_message(self.name))
        return self

    @model_validator(mode="after")
    def _values_are_usable(self) -> StorageDriver:
        for parameter, number in self.support.numbers.items():
            if parameter in self.parameters and not _is_in(self.parameters[parameter], number):
                raise ValueError(number_message(self.name, parameter))
        named = AZURE_NAMES.items() if self.name is DriverName.AZURE else ()
        if not all(re.fullmatch(pattern, self.parameters[parameter]) for parameter, pattern in named):
            raise ValueError(AZURE_NAMES_MESSAGE)
        if not re.fullmatch(METHODS_PATTERN, self.parameters.get(TEMP_URL_METHODS, "GET")):
            raise ValueError(METHODS_MESSAGE)
        if self.parameters.get(WORKLOAD_IDENTITY, "false") not in {"true", "false"}:
            raise ValueError(WORKLOAD_IDENTITY_MESSAGE)
        return self

    @model_validator(mode="after")
    def _login_is_complete(self) -> StorageDriver:
        if self.name is DriverName.GCS and (self.secret_ref is not None) == self.uses_workload_identity:
            raise ValueError(GCS_LOGIN_MESSAGE)
        if self.name in NEEDS_SECRET and self.secret_ref is None:
            raise ValueError(secret_message(self.name))
        return self


def _is_in(text: str, number: Number) -> bool:
    return bool(re.fullmatch(NUMBER_PATTERN, text)) and int(text) >= number.minimum and int(text) % number.step == 0
