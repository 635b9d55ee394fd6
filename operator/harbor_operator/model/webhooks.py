"""The webhooks of a project as desired and observed."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import SecretStr

DEFAULT_FORMAT = "Default"


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook with one receiver; `type` and `payload_format` are Harbor's words, an empty `auth_header` is none."""

    name: str
    address: str
    events: frozenset[str]
    type: str = "http"
    payload_format: str = DEFAULT_FORMAT
    auth_header: SecretStr = field(default_factory=lambda: SecretStr(""))
    is_insecure: bool = False
    is_enabled: bool = True


@dataclass(frozen=True, slots=True)
class ObservedWebhook:
    """A webhook as observed; `webhook` is None if it does not have exactly one receiver."""

    number: int
    name: str
    webhook: Webhook | None
    description: str = ""
    creator: str = ""


@dataclass(frozen=True, slots=True)
class WebhookChanges:
    """The writes that the webhooks of one project need; `update` has the new state of each."""

    add: tuple[Webhook, ...] = ()
    update: tuple[tuple[ObservedWebhook, Webhook], ...] = ()
    remove: tuple[ObservedWebhook, ...] = ()

    def __bool__(self) -> bool:
        """Whether any write is needed."""
        return bool(self.add or self.update or self.remove)
