"""What each minor of the official chart understands; read from the templates at every tag from 1.2.0 to 1.19.1."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

_LAST = 99


class Span(NamedTuple):
    """The chart minors that know something, first and last included."""

    first: int
    last: int = _LAST

    def holds(self, minor: int) -> bool:
        """Whether the minor lies inside."""
        return self.first <= minor <= self.last


class Feature(Enum):
    """Something the chart can be told, with the minors that listen.

    The first element of each value keeps the members apart: equal spans would make them aliases of one another.
    """

    UPDATE_STRATEGY = ("updateStrategy", Span(3))
    XSRF_KEY = ("core.xsrfKey", Span(3))
    CA_BUNDLE = ("caBundleSecretName", Span(4))
    REGISTRY_CREDENTIALS = ("registry.credentials", Span(4))
    HTPASSWD_VALUE = ("registry.credentials.htpasswd", Span(4, 7))
    HTPASSWD_STRING = ("registry.credentials.htpasswdString", Span(9))
    REDIS_ADDR = ("redis.external.addr", Span(5))
    TLS_CERT_SOURCE = ("expose.tls.certSource", Span(5))
    CA_DOWNLOAD = ("caSecretName", Span(5))
    JOB_LOGGER = ("jobservice.jobLogger", Span(2, 5))
    JOB_LOGGERS = ("jobservice.jobLoggers", Span(6))
    EXPORTER = ("exporter", Span(6))
    INGRESS_CLASS = ("expose.ingress.className", Span(9))
    SECRET_KEY_SECRET = ("existingSecretSecretKey", Span(10))
    DATABASE_SECRET = ("database.external.existingSecret", Span(10))
    REGISTRY_CREDENTIALS_SECRET = ("registry.credentials.existingSecret", Span(10))
    ADMIN_PASSWORD_SECRET = ("existingSecretAdminPassword", Span(12))
    EXTRA_ENV = ("core.extraEnvVars", Span(13))
    COMPONENT_SECRETS = ("core.existingSecret", Span(14))
    SWIFT_SECRET = ("persistence.imageChartStorage.swift.existingSecret", Span(14))
    REDIS_TLS = ("redis.external.tlsOptions", Span(17))
    CLAIR = ("clair", Span(2, 5))
    TRIVY = ("trivy", Span(4))
    CHARTMUSEUM = ("chartmuseum", Span(2, 11))
    NOTARY = ("notary", Span(2, 12))

    @property
    def span(self) -> Span:
        """The minors that know it."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Era:
    """One chart minor, asked what it understands."""

    minor: int

    def has(self, feature: Feature) -> bool:
        """Whether charts of this minor understand the feature."""
        return feature.span.holds(self.minor)

    @property
    def top_level_keys(self) -> frozenset[str]:
        """The words that may stand at the top of a values file."""
        return frozenset(key for key, span in _TOP_LEVEL.items() if span.holds(self.minor))


_ALWAYS = (
    "core database expose externalURL fullnameOverride harborAdminPassword imagePullPolicy imagePullSecrets jobservice"
    " logLevel nameOverride nginx persistence portal proxy redis registry secretKey uaaSecretName"
)
_TOP_LEVEL = {
    **{key: Span(2) for key in _ALWAYS.split()},
    "chartmuseum": Feature.CHARTMUSEUM.span,
    "clair": Feature.CLAIR.span,
    "notary": Feature.NOTARY.span,
    "updateStrategy": Feature.UPDATE_STRATEGY.span,
    "caBundleSecretName": Feature.CA_BUNDLE.span,
    "internalTLS": Span(4),
    "trivy": Feature.TRIVY.span,
    "caSecretName": Feature.CA_DOWNLOAD.span,
    "exporter": Feature.EXPORTER.span,
    "metrics": Span(6),
    "ipFamily": Span(8),
    "trace": Span(8),
    "enableMigrateHelmHook": Span(9),
    "cache": Span(10),
    "existingSecretSecretKey": Feature.SECRET_KEY_SECRET.span,
    "existingSecretAdminPassword": Feature.ADMIN_PASSWORD_SECRET.span,
    "existingSecretAdminPasswordKey": Feature.ADMIN_PASSWORD_SECRET.span,
    "containerSecurityContext": Span(15),
}
