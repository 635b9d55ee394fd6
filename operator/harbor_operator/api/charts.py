"""What each minor version of the official chart supports: the one table to extend for a new chart.

Read from the templates of every tag from 1.2.0 to 1.19.1. A version that is not listed is refused: its values were
never checked. Everything that names chart versions (checks, descriptions of fields, pages) is generated from here, so
the table belongs to the lowest layer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import NamedTuple

_VERSION = re.compile(r"1\.(\d+)\.(\d+)")


class DatabaseKind(StrEnum):
    """A database of Harbor; the value is the field of `spec.database.names`."""

    CORE = "core"
    CLAIR = "clair"
    NOTARY_SERVER = "notaryServer"
    NOTARY_SIGNER = "notarySigner"


class Minors(NamedTuple):
    """A range of chart minors, both ends included; without an end, every later minor belongs to it."""

    first: int
    last: int | None = None

    def includes(self, minor: int) -> bool:
        """Whether the minor belongs to the range."""
        return self.first <= minor and (self.last is None or minor <= self.last)


FIXED_REDIS_USER = "redis"
"""The user in the Redis URLs of some charts, whose templates write `redis:PASSWORD@`."""
_LIB_PQ = Minors(2, 8)
_FIXED_REDIS_USER, _LAST_FIXED_REDIS_USER = Minors(5, 9), "1.10.0"


class Feature(Enum):
    """A values key of the chart, with the minors that read it.

    The key keeps the members apart: members of equal value would be aliases of one another.
    """

    UPDATE_STRATEGY = ("updateStrategy", Minors(3))
    XSRF_KEY = ("core.xsrfKey", Minors(3))
    CA_BUNDLE = ("caBundleSecretName", Minors(4))
    INTERNAL_TLS = ("internalTLS", Minors(4))
    REGISTRY_CREDENTIALS = ("registry.credentials", Minors(4))
    HTPASSWD_VALUE = ("registry.credentials.htpasswd", Minors(4, 7))
    HTPASSWD_STRING = ("registry.credentials.htpasswdString", Minors(9))
    REDIS_ADDR = ("redis.external.addr", Minors(5))
    TLS_CERT_SOURCE = ("expose.tls.certSource", Minors(5))
    CA_DOWNLOAD = ("caSecretName", Minors(5))
    JOB_LOGGER = ("jobservice.jobLogger", Minors(2, 5))
    JOB_LOGGERS = ("jobservice.jobLoggers", Minors(6))
    EXPORTER = ("exporter", Minors(6))
    FULL_NAME = ("fullnameOverride", Minors(7))
    IP_FAMILY = ("ipFamily", Minors(8))  # before, no part of Harbor works with IPv6 alone
    INGRESS_CLASS = ("expose.ingress.className", Minors(9))
    SECRET_KEY_SECRET = ("existingSecretSecretKey", Minors(10))
    DATABASE_SECRET = ("database.external.existingSecret", Minors(10))
    REGISTRY_CREDENTIALS_SECRET = ("registry.credentials.existingSecret", Minors(10))
    ADMIN_PASSWORD_SECRET = ("existingSecretAdminPassword", Minors(12))
    EXTRA_ENV = ("core.extraEnvVars", Minors(13))
    COMPONENT_SECRETS = ("core.existingSecret", Minors(14))
    SWIFT_SECRET = ("persistence.imageChartStorage.swift.existingSecret", Minors(14))
    AZURE_SECRET = ("persistence.imageChartStorage.azure.existingSecret", Minors(10))
    GCS_SECRET = ("persistence.imageChartStorage.gcs.existingSecret", Minors(10))
    OSS_SECRET = ("persistence.imageChartStorage.oss.existingSecret", Minors(14))
    S3_SECRET = ("persistence.imageChartStorage.s3.existingSecret", Minors(11))  # 1.10: not for the registry controller
    S3_KMS_KEY = ("persistence.imageChartStorage.s3.keyid", Minors(4))  # before, the registry does not get it
    REDIS_USERNAME = ("redis.external.username", Minors(19))  # before, the registry sends no username
    ROUTE = ("expose.route", Minors(18))
    REDIS_TLS = ("redis.external.tlsOptions", Minors(17))
    CLAIR = ("clair", Minors(2, 5))
    TRIVY = ("trivy", Minors(4))
    CHARTMUSEUM = ("chartmuseum", Minors(2, 11))
    NOTARY = ("notary", Minors(2, 12))

    @property
    def key(self) -> str:
        """The path in the values file."""
        return self.value[0]

    @property
    def minors(self) -> Minors:
        """The minors that read the key."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class ChartSupport:
    """One minor of the chart; `min_postgres` is the oldest PostgreSQL major that its Harbor accepts.

    `last_patch` is the newest patch version whose templates were read.
    """

    minor: int
    harbor_minor: str
    last_patch: int
    min_postgres: int
    swift: bool = True

    @property
    def core_uses_lib_pq(self) -> bool:
        """Whether Harbor's core uses the driver lib/pq; since Harbor 2.5 it uses pgx (goharbor/harbor#16267)."""
        return _LIB_PQ.includes(self.minor)

    @property
    def last_version(self) -> str:
        """The newest version of this minor whose templates were read."""
        return f"1.{self.minor}.{self.last_patch}"

    def supports(self, feature: Feature) -> bool:
        """Whether charts of this minor read the key of the feature."""
        return feature.minors.includes(self.minor)

    @property
    def databases(self) -> tuple[DatabaseKind, ...]:
        """Every database that Harbor and its optional parts use."""
        clair = (DatabaseKind.CLAIR,) if self.supports(Feature.CLAIR) else ()
        notary = (DatabaseKind.NOTARY_SERVER, DatabaseKind.NOTARY_SIGNER) if self.supports(Feature.NOTARY) else ()
        return (DatabaseKind.CORE, *clair, *notary)


# All of them ship a registry with the Swift driver (distribution 2.7 and 2.8).
CHARTS = (
    ChartSupport(2, "1.9", last_patch=4, min_postgres=9),
    ChartSupport(3, "1.10", last_patch=19, min_postgres=9),
    ChartSupport(4, "2.0", last_patch=6, min_postgres=9),
    ChartSupport(5, "2.1", last_patch=6, min_postgres=9),
    ChartSupport(6, "2.2", last_patch=4, min_postgres=9),
    ChartSupport(7, "2.3", last_patch=5, min_postgres=9),
    ChartSupport(8, "2.4", last_patch=3, min_postgres=9),
    ChartSupport(9, "2.5", last_patch=6, min_postgres=10),
    ChartSupport(10, "2.6", last_patch=4, min_postgres=10),
    ChartSupport(11, "2.7", last_patch=4, min_postgres=10),
    ChartSupport(12, "2.8", last_patch=6, min_postgres=10),
    ChartSupport(13, "2.9", last_patch=5, min_postgres=12),
    ChartSupport(14, "2.10", last_patch=3, min_postgres=12),
    ChartSupport(15, "2.11", last_patch=2, min_postgres=12),
    ChartSupport(16, "2.12", last_patch=4, min_postgres=12),
    ChartSupport(17, "2.13", last_patch=4, min_postgres=12),
    ChartSupport(18, "2.14", last_patch=4, min_postgres=12),
    ChartSupport(19, "2.15", last_patch=1, min_postgres=12),
)
_BY_MINOR = {chart.minor: chart for chart in CHARTS}


def find_chart(version: str) -> ChartSupport | None:
    """Returns what the chart version supports, or None for a version that is not in the table."""
    found = _VERSION.fullmatch(version)
    return chart_of_minor(int(found.group(1))) if found else None


def chart_of_minor(minor: int) -> ChartSupport | None:
    """Returns what charts 1.`minor` support, or None for a minor that is not in the table."""
    return _BY_MINOR.get(minor)


def version_numbers(version: str) -> tuple[int, ...]:
    """Returns major, minor and patch, by which versions are ordered; a number that is missing is 0."""
    found = [int(number) for number in re.findall(r"\d+", version)[:3]]
    return tuple([*found, 0, 0, 0][:3])


def has_fixed_redis_user(version: str) -> bool:
    """Whether the chart logs in to Redis as FIXED_REDIS_USER, whatever the values say."""
    chart = find_chart(version)
    return version == _LAST_FIXED_REDIS_USER or (chart is not None and _FIXED_REDIS_USER.includes(chart.minor))


def chart_range(minors: Minors) -> str:
    """Returns a range of minors as messages write it: '1.A to 1.B'."""
    last = CHARTS[-1].minor if minors.last is None else minors.last
    return f"1.{minors.first} to 1.{last}"


SUPPORTED_RANGE = chart_range(Minors(CHARTS[0].minor))
SWIFT_RANGE = chart_range(Minors(CHARTS[0].minor, max(chart.minor for chart in CHARTS if chart.swift)))
REDIS_USERNAME_RANGE = chart_range(Feature.REDIS_USERNAME.minors)
FIXED_REDIS_USER_RANGE = f"{chart_range(_FIXED_REDIS_USER)} and {_LAST_FIXED_REDIS_USER}"
EXTRA_ENV_RANGE = chart_range(Feature.EXTRA_ENV.minors)
CLAIR_RANGE = chart_range(Feature.CLAIR.minors)
NOTARY_RANGE = chart_range(Feature.NOTARY.minors)
