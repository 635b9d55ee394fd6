"""Cases that no schema shows: Secrets, servers and other clients that are not as the spec needs them.

Each case breaks something of a registry that is ready, and repairs it later. In between, a condition must name what is
broken, unless the case says that the registry stays ready.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.registries import merged
from tests.campaign.deployment import Servers
from tests.campaign.model import REMOVED
from tests.campaign.oracles import AlarmError
from tests.campaign.schema import Spec
from tests.campaign.seeds import SEEDS
from tests.campaign.snapshot import snapshot
from tests.campaign.trial import Trial

BASE: Spec = merged(SEEDS["full"], SEEDS["harbor"])
"""A registry that uses every server."""


@dataclass(frozen=True)
class Change:
    """Sets an attribute or an entry of something; `value` can be a function of the present value."""

    owner: Callable[[Servers], Any]
    name: Any
    value: Any

    def apply(self, servers: Servers) -> Callable[[], None]:
        """Changes it, and returns what undoes that."""
        owner = self.owner(servers)
        before = owner.get(self.name, REMOVED) if isinstance(owner, dict) else getattr(owner, self.name)
        _set(owner, self.name, self.value(before) if callable(self.value) else self.value)
        return lambda: _set(owner, self.name, before)


def _set(owner: Any, name: Any, value: Any) -> None:
    if not isinstance(owner, dict):
        setattr(owner, name, value)
    elif value is REMOVED:
        owner.pop(name, None)
    else:
        owner[name] = value


@dataclass(frozen=True)
class SemanticCase:
    """Changes of the servers and of the spec; `words` are those of which the messages must contain one.

    `ready` says whether the registry stays ready; None means that it depends on what the operator can observe.
    """

    name: str
    breaks: tuple[Change, ...] = ()
    spec: Spec = field(default_factory=dict)
    words: tuple[str, ...] = ()
    ready: bool | None = False
    annotations: Mapping[str, str] = field(default_factory=dict)


def on(server: str, **attributes: Any) -> tuple[Change, ...]:
    """Returns changes of the attributes of a server."""
    return tuple(Change(lambda servers: getattr(servers, server), name, value) for name, value in attributes.items())


def run_case(case: SemanticCase, trial: Trial) -> None:
    """Breaks something of a new deployment of BASE, checks what is reported, and repairs it. Raises AlarmError."""
    trial.deploy(BASE)
    before = snapshot(trial.deployment)
    spec = merged(BASE, case.spec)
    repairs = [change.apply(trial.deployment.servers) for change in case.breaks]
    trial.deployment.object.annotations.update(case.annotations)
    trial.deploy(spec)
    if case.ready is not None and trial.is_ready != case.ready:
        raise AlarmError("readiness", f"{case.name}: Ready is {trial.is_ready}: {trial.messages}")
    if not trial.is_ready and not spec.get("suspend"):
        trial.check_words(case.words, case.name)
    for repair in repairs:
        repair()
    if case.annotations:
        return  # a request has been carried out, which nothing takes back
    trial.roll_back(BASE, before)
