"""Whether the login of Harbor's databases can be rotated, and why a rotation did not happen."""

from __future__ import annotations

from collections.abc import Sequence

from harbor_operator.api.charts import EXTRA_ENV_RANGE, Feature, find_chart
from harbor_operator.api.request_annotations import ROTATE_DATABASE_PASSWORD_REQUESTED_AT, read_request
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.outcomes import StatusWarning
from harbor_operator.model.release import UserValues
from harbor_operator.reasons import Reason

MIGRATE_HOOK = "enableMigrateHelmHook"
"""The value of the chart that migrates the database in a job before an upgrade."""


def rotation_request(registry: HarborRegistry) -> str:
    """Returns the value of the annotation that requests a rotation, or an empty text."""
    return read_request(registry.metadata.annotations, ROTATE_DATABASE_PASSWORD_REQUESTED_AT)


def check_rotation(registry: HarborRegistry, *, is_own: bool) -> StatusWarning | None:
    """Returns why a rotation that is wanted is not possible; `is_own`: the operator created the role."""
    database, release = registry.spec.database, registry.spec.release
    if not rotation_request(registry) and not (database and database.rotate_after_days):
        return None
    if not is_own:
        why = "the operator did not create it: change the password in PostgreSQL, then in the Secret"
    elif release is None:
        why = "`spec.release` is absent: the operator does not restart this Harbor"
    elif (chart := find_chart(release.version)) and not chart.supports(Feature.EXTRA_ENV):
        why = (
            "the pods of this chart take username and password from two objects that do not change together: set "
            f"`spec.release.version` to one of charts {EXTRA_ENV_RANGE}"
        )
    else:
        return None
    return rotation_failed(why)


def check_rotation_values(sources: Sequence[UserValues]) -> StatusWarning | None:
    """Returns that the user's values add a pod that cannot use a second login: the job of the chart's migration hook.

    It reads username and password from two objects and has no variables of its own (`core-pre-upgrade-job.yaml`).
    """
    given = [source.tree[MIGRATE_HOOK] for source in sources if MIGRATE_HOOK in source.tree]
    if not given or not given[-1]:
        return None
    return rotation_failed(
        f"the job of `{MIGRATE_HOOK}` takes username and password from two objects that do not change together: remove "
        "the key from `spec.release.values` and `spec.release.valuesFrom`"
    )


def rotation_failed(why: str) -> StatusWarning:
    """Returns the warning about a rotation that did not happen; the login in use stays."""
    return StatusWarning(
        Reason.DATABASE_ROTATION_REFUSED, f"the login of Harbor's databases stays as it is, because {why}"
    )
