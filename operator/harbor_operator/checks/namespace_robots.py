"""What is reported about the rotation of the robots of namespaces."""

from __future__ import annotations

from harbor_operator.checks.pull_secrets import robot_still_used, rotation_failed
from harbor_operator.model.outcomes import Done, Outcome, Pending, StatusWarning
from harbor_operator.model.robots import NamespaceRobotFacts
from harbor_operator.reasons import Reason

MAX_SHOWN_ROBOTS = 5
ROTATION_POLL_SECONDS = 5.0


def rejected_successor(robot: str) -> str:
    """Returns the message for a new robot whose login Harbor rejects directly after its secret was set."""
    return f"Harbor rejects '{robot}' directly after its secret was set: read the log of Harbor's core for the cause"


def robot_warnings(observed: NamespaceRobotFacts) -> tuple[StatusWarning, ...]:
    """Returns warnings for robots that could not be replaced, and for replaced ones that are still used."""
    warnings = [robot_still_used(login, last_pull) for login, last_pull in observed.in_use[:MAX_SHOWN_ROBOTS]]
    if failures := observed.failures:
        name = min(failures)
        count = f"in {len(failures)} namespaces, for example" if len(failures) > 1 else "in"
        warnings.append(rotation_failed(f"{count} '{name}': {failures[name]}"))
    return tuple(warnings)


def with_open_rotation(outcome: Outcome, left: int) -> Outcome:
    """Returns the outcome while a requested rotation is not complete; `left` namespaces have the earlier login."""
    if not left or not isinstance(outcome, Done):
        return outcome
    message = f"{outcome.message}; the robots of {left} namespaces are being replaced"
    return Pending(Reason.NAMESPACES_PENDING, message, ROTATION_POLL_SECONDS, outcome.facts, outcome.warnings)
