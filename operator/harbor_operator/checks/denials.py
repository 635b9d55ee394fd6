"""Messages for writes that a quota, an admission policy or webhook, or an authorizer of the API server denies.

`what` names the request, and `message` is the text of the API server.
"""

from __future__ import annotations

EXCLUDE = "exclude the namespace in `spec.pullSecrets.namespaces.exclude`"


def explain_quota(name: str, what: str, message: str) -> str:
    """Returns the message for a ResourceQuota that does not allow the object."""
    return f"ResourceQuota '{name}' does not allow {what}: raise the quota, or {EXCLUDE}. {message}"


def explain_policy(kind: str, name: str, what: str, message: str) -> str:
    """Returns the message for an admission policy that denies the write."""
    return f"{kind} '{name}' denies {what}: exempt the object in the policy, or {EXCLUDE}. {message}"


def explain_webhook(name: str, what: str, message: str) -> str:
    """Returns the message for an admission webhook that denies the write."""
    return f"admission webhook '{name}' denies {what}: exempt the object in the webhook, or {EXCLUDE}. {message}"


def explain_broken_webhook(name: str, what: str, message: str) -> str:
    """Returns the message for an admission webhook that must agree and cannot be called."""
    return f"admission webhook '{name}' must admit {what} and cannot be called: repair its service. {message}"


def explain_plugin(what: str, message: str) -> str:
    """Returns the message for an admission plugin that names neither a quota, nor a policy, nor a webhook."""
    return f"an admission plugin of the API server denies {what}: follow its message, or {EXCLUDE}. {message}"


def explain_managed_namespace(namespace: str, message: str) -> str:
    """Returns the message for a namespace that denies a write although the roles allow it in every namespace."""
    return (
        f"the roles allow the write in every namespace, and the API server denies it in namespace '{namespace}', which "
        f"the provider of the cluster probably manages: {EXCLUDE}. {message}"
    )
