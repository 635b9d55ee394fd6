"""Audit logs: `/auditlog-exts` has the entries since Harbor 2.13, `/audit-logs` only those of earlier versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from lab.harbor.core import core_of, sender_of
from lab.harbor.reading import matches, page, read_q, sorted_by
from lab.harbor.state import timestamp

if TYPE_CHECKING:
    from lab.harbor.access import Principal
    from lab.harbor.core import Core

KNOWN = ("id", "username", "operation", "resource", "resource_type", "op_time")
VERBS = {"pull": "pull", "create": "push"}
"""What the description says of each operation on artifacts."""


async def record(core: Core, sender: Principal, operation: str, repository: str, reference: str) -> None:
    """Records a pull (`pull`) or a push (`create`), unless the configuration leaves it out."""
    if f"{operation}_artifact" in str((await core.configuration())["disabled_audit_log_event_types"]).split(","):
        return
    number = await core.state.next_id("audit")
    separator = "@" if ":" in reference else ":"
    entry = {
        "id": number,
        "username": sender.name or "anonymous",
        "operation": operation,
        "operation_description": f"{VERBS[operation]} artifact: {repository}{separator}{reference}",
        "operation_result": True,
        "resource_type": "artifact",
        "resource": f"{repository}{separator}{reference}",
        "op_time": timestamp(),
    }
    await core.state.put("audit", number, entry)


async def index(request: web.Request) -> web.Response:
    """Returns the log for the administrator, the newest entry first."""
    sender_of(request).require_system("audit-log", "list")
    filters = read_q(request)
    entries = [entry for entry in await core_of(request).state.all("audit") if matches(entry, filters, KNOWN)]
    return page(request, sorted_by(request, entries[::-1], KNOWN))


async def earlier_index(request: web.Request) -> web.Response:
    """Returns the log of earlier versions, which is empty."""
    sender_of(request).require_system("audit-log", "list")
    return page(request, [])
