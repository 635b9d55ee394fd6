"""The desired webhooks of a project, and the smallest set of writes that creates them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import SecretStr

from harbor_operator.api import webhooks as api
from harbor_operator.api.projects import Project, Unlisted
from harbor_operator.model.webhooks import ObservedWebhook, Webhook, WebhookChanges


def plan_webhook(webhook: api.Webhook, auth_header: SecretStr) -> Webhook:
    """Returns the webhook in Harbor's terms; an empty `auth_header` is none."""
    return Webhook(
        name=webhook.name,
        address=webhook.address,
        events=frozenset(webhook.events),
        type=webhook.type.value,
        payload_format=webhook.payload_format.value,
        auth_header=auth_header,
        is_insecure=webhook.insecure,
        is_enabled=webhook.enabled,
    )


def webhook_changes(
    project: Project, headers: Mapping[str, SecretStr], observed: Sequence[ObservedWebhook]
) -> WebhookChanges:
    """Returns which webhooks to add, to change and to remove; `headers` has the header of each by its name."""
    desired = [plan_webhook(webhook, headers.get(webhook.name, SecretStr(""))) for webhook in project.webhooks]
    found = {webhook.name: webhook for webhook in observed}
    listed = {webhook.name for webhook in desired}
    surplus = [webhook for webhook in observed if webhook.name not in listed]
    return WebhookChanges(
        add=tuple(webhook for webhook in desired if webhook.name not in found),
        update=tuple(
            (found[webhook.name], webhook)
            for webhook in desired
            if webhook.name in found and found[webhook.name].webhook != webhook
        ),
        remove=tuple(surplus) if project.unlisted is Unlisted.DELETE else (),
    )
