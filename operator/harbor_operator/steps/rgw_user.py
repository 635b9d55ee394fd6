"""The removal of an RGW user that the operator created, after its last login is removed."""

from __future__ import annotations

from harbor_operator.checks.rgw_user import describe_retained_user
from harbor_operator.model.storage import DesiredRgwUser, RgwEndpoint
from harbor_operator.plan.storage import is_disposable
from harbor_operator.ports.rgw_admin import RgwAdmin


async def remove_unused_user(rgw: RgwAdmin, access: RgwEndpoint, desired: DesiredRgwUser) -> str:
    """Removes the user if the operator created it for this registry and it has no login left.

    Returns what to add to the message of the step if the user stays because of a bucket, else an empty text.
    """
    user = await rgw.read_user(access, desired.uid)
    if user is None or not is_disposable(desired, user) or await rgw.remove_user(access, desired.uid):
        return ""
    return describe_retained_user(desired)
