"""Where a chart may come from: a source without a login, over TLS.

Helm takes the reference and the repository as process arguments, and repeats them in its errors. A login in one of
them would be visible in the process list, in status, in events and in the log.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

HTTP = "http://"
# Plain HTTP is for a repository on the same machine; anywhere else another machine could replace the chart.
LOOPBACK = r"http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?"

LOGIN = r"^[A-Za-z0-9+.-]+://[^/]*@"
# Printable ASCII without #, ? and @, and for the host also without /: Python and RE2 disagree about `\\s`.
REPOSITORY = rf"""^(https://[!"$-.0->A-~]+|{LOOPBACK})(/[!"$->A-~]*)?$"""
LOOPBACK_CHART = rf"^{LOOPBACK}/"

_NO_LOGIN = (
    "must not contain a login, which process arguments, status, events and logs would show: "
    "put it into a Secret and name that in `repositorySecretRef`"
)
REPOSITORY_LOGIN_MESSAGE = f"`repository` {_NO_LOGIN}"
REPOSITORY_MESSAGE = (
    "`repository` must be an https:// URL without query and fragment (http:// only on localhost); "
    "for a chart in an OCI registry set `chart` to oci://..."
)
CHART_LOGIN_MESSAGE = f"`chart` {_NO_LOGIN}"
CHART_HTTP_MESSAGE = "`chart` must not be an http:// URL, except on localhost: use https:// or oci://"


def _repository(repository: str) -> str:
    if re.search(LOGIN, repository):
        raise ValueError(REPOSITORY_LOGIN_MESSAGE)
    if not re.fullmatch(REPOSITORY, repository):
        raise ValueError(REPOSITORY_MESSAGE)
    return repository


def _chart(chart: str) -> str:
    if re.search(LOGIN, chart):
        raise ValueError(CHART_LOGIN_MESSAGE)
    if chart.startswith(HTTP) and not re.search(LOOPBACK_CHART, chart):
        raise ValueError(CHART_HTTP_MESSAGE)
    return chart


_LOCAL_CHART = "/"
OCI = "oci://"
UNUSED_LOGIN_RULE = (
    f"!has(self.chart) || !self.chart.contains('{_LOCAL_CHART}') || self.chart.startsWith('{OCI}')"
    " || !(has(self.repositorySecretRef) || has(self.repositoryCASecretRef))"
)
UNUSED_LOGIN_MESSAGE = (
    "`repositorySecretRef` and `repositoryCASecretRef` are for a chart of a repository or an OCI registry: "
    "remove them, or set `chart` to a name or to oci://..."
)


def is_remote(chart: str) -> bool:
    """Whether the chart is a name in a repository or a reference of an OCI registry, and no path."""
    return _LOCAL_CHART not in chart or chart.startswith(OCI)


ChartDigest = Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64})?$")]
ChartRepository = Annotated[str, Field(max_length=2048), AfterValidator(_repository)]
# A reference that starts with a hyphen would be an option of Helm.
ChartReference = Annotated[str, Field(max_length=2048, pattern=r"^[A-Za-z0-9./]"), AfterValidator(_chart)]
