"""The one place that turns whatever a step raises into an outcome."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.outcomes import Outcome, Unknown
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.steps.outcomes import outcome_of

LOG = logging.getLogger(__name__)


async def attempt(act: Callable[[HarborRegistry], Awaitable[Outcome]], registry: HarborRegistry) -> Outcome:
    """Returns the outcome of one verb of one step, whatever it raises."""
    try:
        return await act(registry)
    except (Unavailable, Refused) as error:
        return outcome_of(error)
    except Exception as error:
        # A message may quote a value, a traceback does not: the log gets the traceback without the message.
        extra = {"registry": registry.key, "reason": Reason.INTERNAL_ERROR}
        LOG.exception("a step failed on %s", registry.key, exc_info=_without_message(error), extra=extra)
        return Unknown(
            Reason.INTERNAL_ERROR, f"the operator failed ({type(error).__name__}); its log has the traceback"
        )


def _without_message(error: BaseException) -> BaseException:
    return RuntimeError(type(error).__name__).with_traceback(error.__traceback__)
