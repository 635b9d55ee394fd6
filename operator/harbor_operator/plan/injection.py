"""Pure plan of one namespace: its observed state and the claims on it -> the next actions and the claims' status.

Three rules protect the objects of other clients:

1. A Secret is ours only if its label contains the uid of the registry, or its annotation the name of the registry and
   its label the uid of a registry that no longer exists: two registries of one name never exist at the same time.
2. A reference is removed before its Secret and added after it, so that no pod gets a reference to a missing Secret.
3. A reference to a Secret of another client is neither added nor removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from msgspec.structs import replace

from harbor_operator.model.injection import (
    Action,
    ApplySecret,
    Claim,
    ClaimState,
    ClaimStatus,
    DeleteSecret,
    NamespaceClaim,
    NamespacePlan,
    PatchServiceAccount,
)
from harbor_operator.model.namespace import (
    MAX_REFERENCES,
    MAX_REFERENCES_BYTES,
    NamespaceState,
    ObservedSecret,
    ObservedServiceAccount,
)
from harbor_operator.reasons import Reason

DEFAULT_ACCOUNT = "default"
EMPTY_PLAN = NamespacePlan()


def plan_namespace(state: NamespaceState, claims: Sequence[NamespaceClaim]) -> NamespacePlan:
    """Returns the next actions in this namespace; plan again after each of them, until no action is left."""
    if not state.is_active:
        return EMPTY_PLAN
    actions: dict[tuple[type, str], Action] = {}
    for claim in claims:
        if action := _plan_secret(state, claim, claims):
            actions.setdefault((type(action), action.name), action)
    for account in state.accounts.values():
        references = _plan_references(state, account, claims)
        if references != account.references:
            actions[PatchServiceAccount, account.name] = _patch(account, references)
    statuses = tuple(_status(state, claim, claims) for claim in claims if claim.state is ClaimState.ACTIVE)
    return NamespacePlan(tuple(actions.values()), statuses, _waiting(state, claims))


def mentions(state: NamespaceState, claim: Claim) -> bool:
    """Whether the namespace has a Secret of the claim's name or a reference to it, from any writer."""
    name = claim.secret_name
    return name in state.secrets or any(name in account.references for account in state.accounts.values())


def has_leftovers(state: NamespaceState, claim: NamespaceClaim, claims: Sequence[NamespaceClaim]) -> bool:
    """Whether the namespace still holds objects of a releasing claim that are ours to remove."""
    if not state.is_active:
        return False
    secret = _releasing_secret(state, claim, claims)
    if secret is not None and not secret.terminating:
        return True
    return any(_must_drop(state, account, claim, claims) for account in state.accounts.values())


def has_lingering_secret(state: NamespaceState, claim: NamespaceClaim, claims: Sequence[NamespaceClaim]) -> bool:
    """Whether a Secret of a releasing claim is deleted and a finalizer of another client keeps it."""
    secret = _releasing_secret(state, claim, claims) if state.is_active else None
    return secret is not None and secret.terminating


def pull_secrets_for_new_pod(state: NamespaceState, claim: NamespaceClaim, account: str) -> tuple[str, ...]:
    """Returns the references that a new pod of a service account gets.

    Empty unless the claim's reference is among them and its Secret is up to date: only then can the new pod pull.
    """
    known = state.accounts.get(account)
    if not claim.covers(account) or not holds_content(state, claim):
        return ()
    return known.references if known and claim.secret_name in known.references else ()


def holds_content(state: NamespaceState, claim: NamespaceClaim) -> bool:
    """Whether the Secret of an active claim exists with the desired content."""
    observed = state.secrets.get(claim.secret_name)
    if claim.state is not ClaimState.ACTIVE or not state.is_active or observed is None:
        return False
    return not observed.terminating and _is_up_to_date(observed, claim)


def _plan_secret(
    state: NamespaceState, claim: NamespaceClaim, claims: Sequence[NamespaceClaim]
) -> ApplySecret | DeleteSecret | None:
    observed = state.secrets.get(claim.secret_name)
    if claim.state is ClaimState.RELEASING:
        return _plan_removal(state, claim, claims)
    if claim.state is not ClaimState.ACTIVE or (observed and observed.terminating):
        return None
    if observed is None:
        return None if claim.waits else ApplySecret(claim.secret_name, claim.uid)
    if (
        claim.waits
        or _is_up_to_date(observed, claim)
        or _check_owner(state, observed, claim, claims)
        or _must_wait_for_predecessor(state, observed, claim, claims)
    ):
        return None
    if observed.immutable:
        return DeleteSecret(observed.name, observed.uid, recreate=True)
    adopted = observed.adopted or not (_owns(claim, observed, claims) or _is_known(observed.owner, claims))
    return ApplySecret(observed.name, claim.uid, adopted, observed.uid)


def _waiting(state: NamespaceState, claims: Sequence[NamespaceClaim]) -> tuple[str, ...]:
    # What was refused is not requested again at once: the next pass of the registry does so.
    return tuple(
        claim.uid for claim in claims if claim.waits and not claim.error and _needs_content(state, claim, claims)
    )


def _needs_content(state: NamespaceState, claim: NamespaceClaim, claims: Sequence[NamespaceClaim]) -> bool:
    observed = state.secrets.get(claim.secret_name)
    if claim.state is not ClaimState.ACTIVE:
        return False
    return observed is None or not (_is_up_to_date(observed, claim) or _check_owner(state, observed, claim, claims))


def _plan_removal(
    state: NamespaceState, claim: NamespaceClaim, claims: Sequence[NamespaceClaim]
) -> DeleteSecret | None:
    observed = state.secrets.get(claim.secret_name)
    if observed is None or not _owns(claim, observed, claims) or observed.terminating:
        return None
    if any(other.secret_name == claim.secret_name and _succeeds(other, claim) for other in claims):
        return None
    referring = (account for account in state.accounts.values() if claim.secret_name in account.references)
    if any(_must_drop(state, account, claim, claims) for account in referring):
        return None  # rule 2
    return DeleteSecret(observed.name, observed.uid)


def _succeeds(other: NamespaceClaim, released: NamespaceClaim) -> bool:
    # A successor takes the Secret over in place, without a gap. One that is still syncing may never become active.
    return other.state is ClaimState.ACTIVE or (other.keeps and other.uid == released.uid)


def _releasing_secret(
    state: NamespaceState, claim: NamespaceClaim, claims: Sequence[NamespaceClaim]
) -> ObservedSecret | None:
    secret = state.secrets.get(claim.secret_name)
    if secret is None or not _owns(claim, secret, claims) or _is_kept_by(claim.uid, claim.secret_name, claims):
        return None
    return secret


def _is_kept_by(uid: str, secret_name: str, claims: Sequence[NamespaceClaim]) -> bool:
    return any(claim.keeps and claim.uid == uid and claim.secret_name == secret_name for claim in claims)


def _is_up_to_date(observed: ObservedSecret, claim: NamespaceClaim) -> bool:
    return observed.owner == claim.uid and observed.digest == claim.digest and observed.labelled


def _owns(claim: NamespaceClaim, observed: ObservedSecret, claims: Sequence[NamespaceClaim]) -> bool:
    """Whether the Secret was written for the registry of the claim, or for an earlier registry of that name."""
    if observed.owner == claim.uid:
        return True
    has_name = observed.registry == claim.registry != ""
    return has_name and observed.owner != "" and not _is_known(observed.owner, claims)


def _is_known(owner: str, claims: Sequence[NamespaceClaim]) -> bool:
    return any(claim.uid == owner for claim in claims)


def _check_owner(
    state: NamespaceState, observed: ObservedSecret, claim: NamespaceClaim, claims: Sequence[NamespaceClaim]
) -> ClaimStatus | None:
    if _owns(claim, observed, claims) or _predecessors(observed, claims):
        return None
    namespace = state.observed.name if state.observed else ""
    if any(other.keeps and other.uid == observed.owner for other in claims):
        message = (
            f"Secret '{observed.name}' in namespace '{namespace}' belongs to another HarborRegistry: "
            "set another `spec.pullSecrets.secretName` in one of the two"
        )
        return ClaimStatus(claim.uid, ready=False, reason=Reason.SECRET_NAME_TAKEN, message=message)
    if claim.adopts:
        return None
    if observed.registry == claim.registry != "" and not observed.owner:
        message = (
            f"Secret '{observed.name}' in namespace '{namespace}' was written by this operator and has lost its label "
            "`harbor-operator.io/registry-uid`: except it from the admission policy or webhook that removes the label, "
            "then delete it, and the operator creates it again"
        )
        return ClaimStatus(claim.uid, ready=False, reason=Reason.PULL_SECRET_REWRITTEN, message=message)
    message = (
        f"namespace '{namespace}' has a Secret '{observed.name}' that this operator did not create: delete or rename "
        "it, set another `spec.pullSecrets.secretName`, or set `spec.pullSecrets.conflictPolicy: Adopt` to overwrite it"
    )
    return ClaimStatus(claim.uid, ready=False, reason=Reason.FOREIGN_SECRET, message=message)


def _predecessors(
    observed: ObservedSecret, claims: Sequence[NamespaceClaim]
) -> Iterator[NamespaceClaim] | list[NamespaceClaim]:
    """Returns the claims of the Secret's owner if all of them are being released."""
    owners = [claim for claim in claims if claim.uid == observed.owner and claim.secret_name == observed.name]
    return [] if any(claim.keeps for claim in owners) else owners


def _must_wait_for_predecessor(
    state: NamespaceState, observed: ObservedSecret, claim: NamespaceClaim, claims: Sequence[NamespaceClaim]
) -> bool:
    """Whether the previous owner still has references to remove, which it may do only while its label is there."""
    if observed.owner == claim.uid:
        return False
    return any(
        previous.state is ClaimState.RELEASE_PENDING
        or any(_must_drop(state, account, previous, claims) for account in state.accounts.values())
        for previous in _predecessors(observed, claims)
    )


def _plan_references(
    state: NamespaceState, account: ObservedServiceAccount, claims: Sequence[NamespaceClaim]
) -> tuple[str, ...]:
    references = account.references
    if account.oversized:
        return references  # a patch replaces the whole list, which is not known
    for claim in claims:
        name = claim.secret_name
        if _must_drop(state, account, claim, claims):
            references = tuple(other for other in references if other != name)
        elif claim.state is ClaimState.ACTIVE and _covers(claim, account) and name not in references:
            observed = state.secrets.get(name)
            if observed is not None and observed.owner == claim.uid:
                references = (*references, name)
    return references


def _patch(account: ObservedServiceAccount, references: tuple[str, ...]) -> PatchServiceAccount:
    added = tuple(name for name in references if name not in account.references)
    kept = tuple(name for name in account.attached if name in references and name not in added)
    return PatchServiceAccount(replace(account, references=references, attached=kept + added), attaches=bool(added))


def _must_drop(
    state: NamespaceState, account: ObservedServiceAccount, claim: NamespaceClaim, claims: Sequence[NamespaceClaim]
) -> bool:
    name = claim.secret_name
    if name not in account.references or not claim.covers(account.name):
        return False
    if any(other.keeps and other.secret_name == name and _covers(other, account) for other in claims):
        return False
    if claim.state is ClaimState.ACTIVE:
        # The account has opted out. Its owner can keep a reference that the owner has written.
        return account.opted_out and name in account.attached
    if claim.state is not ClaimState.RELEASING:
        return False
    observed = state.secrets.get(name)
    if observed is not None and (_owns(claim, observed, claims) or not _is_known(observed.owner, claims)):
        return _owns(claim, observed, claims)
    # The Secret is gone or belongs to another registry: only our annotation proves that the reference is ours.
    return name in account.attached


def _covers(claim: NamespaceClaim, account: ObservedServiceAccount) -> bool:
    """Whether the claim attaches its Secret to the account."""
    return claim.covers(account.name) and not account.opted_out


def _status(state: NamespaceState, claim: NamespaceClaim, claims: Sequence[NamespaceClaim]) -> ClaimStatus:
    observed = state.secrets.get(claim.secret_name)
    if claim.error and _needs_content(state, claim, claims):
        return ClaimStatus(claim.uid, ready=False, reason=Reason.ROBOT_REFUSED, message=claim.error)
    if observed is None:
        return _shared_status(claim.uid, ready=False)
    if observed.terminating:
        return _lingering_status(claim, observed)
    if blocked := _check_owner(state, observed, claim, claims):
        return blocked
    if oversized := next((each for each in state.accounts.values() if each.oversized and _covers(claim, each)), None):
        return _oversized_status(claim, oversized)
    return _shared_status(claim.uid, ready=_is_up_to_date(observed, claim) and _is_attached(state, claim))


def _oversized_status(claim: NamespaceClaim, account: ObservedServiceAccount) -> ClaimStatus:
    message = (
        f"service account '{account.name}' in namespace '{account.namespace}' has more than {MAX_REFERENCES} "
        f"`imagePullSecrets`, or more than {MAX_REFERENCES_BYTES} bytes of names: shorten the list; "
        f"the operator then adds '{claim.secret_name}'"
    )
    return ClaimStatus(claim.uid, ready=False, reason=Reason.NAMESPACES_FAILED, message=message)


def _lingering_status(claim: NamespaceClaim, secret: ObservedSecret) -> ClaimStatus:
    message = (
        f"Secret '{secret.name}' in namespace '{secret.namespace}' is being deleted, and a finalizer of another client "
        "keeps it: let the owner of the finalizer remove it; the operator then creates the Secret again"
    )
    return ClaimStatus(claim.uid, ready=False, reason=Reason.PULL_SECRET_LINGERS, message=message)


def _is_attached(state: NamespaceState, claim: NamespaceClaim) -> bool:
    # The controller manager creates the default account shortly after the namespace. Until then, nothing is ready.
    if DEFAULT_ACCOUNT not in state.accounts and claim.covers(DEFAULT_ACCOUNT):
        return False
    return all(
        claim.secret_name in account.references for account in state.accounts.values() if _covers(claim, account)
    )


@lru_cache(maxsize=64)
def _shared_status(uid: str, *, ready: bool) -> ClaimStatus:
    """Returns one object for all namespaces in which a claim has the same status."""
    return ClaimStatus(uid, ready)
