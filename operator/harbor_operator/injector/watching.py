"""One view of the cluster, fed for ever: what ends it, and how long to wait before it begins again."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from harbor_operator.injector.deps import RuntimeDeps
from harbor_operator.ports import Refused, Unavailable

LOG = logging.getLogger(__name__)
REFUSED_DELAY_SECONDS = 30.0
RESTART_DELAY_SECONDS = 1.0


async def watch_forever(
    view: str, follow: Callable[[], Awaitable[None]], refuse: Callable[[Refused], None], deps: RuntimeDeps
) -> None:
    """Follows a view until cancelled; `refuse` is told when it cannot be had, and it is tried again."""
    refusals = 0
    while True:
        try:
            await follow()
            pause = RESTART_DELAY_SECONDS
        except Refused as refused:
            refusals += 1
            # An API server that has just started refuses everything for a moment, until it has read the roles.
            if refusals > 1:
                refuse(refused)
                LOG.warning("cannot watch %s: %s", view, refused)
            pause = min(REFUSED_DELAY_SECONDS, 2.0 ** min(refusals - 1, 10))
        except Unavailable as unavailable:
            LOG.warning("the watch of %s ended: %s", view, unavailable)
            pause = RESTART_DELAY_SECONDS
        except Exception:
            LOG.exception("the watch of %s ended by surprise", view)
            pause = REFUSED_DELAY_SECONDS
        await deps.sleep(pause * (0.5 + deps.random()))
