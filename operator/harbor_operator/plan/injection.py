"""The wish for one namespace: what it holds and who has a stake in it -> the next writes, and how far each wish is.

Three rules keep other people's things safe. A Secret is ours only if its label says so. A reference goes before its
Secret when something is taken away, and comes after it when something is brought. A reference to somebody else's
Secret is neither added nor removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from msgspec.structs import replace

from harbor_operator.model.injection import (
    ApplySecret,
    ClaimState,
    ClaimStatus,
    DeleteSecret,
    NamespaceClaim,
    NamespacePlan,
    PatchServiceAccount,
    Write,
)
from harbor_operator.model.namespace import NamespaceState, ObservedSecret, ObservedServiceAccount
from harbor_operator.reasons import Reason

DEFAULT_ACCOUNT = "default"


EMPTY_PLAN = NamespacePlan()


def plan_namespace(holding: NamespaceState, claims: Sequence[NamespaceClaim]) -> NamespacePlan:
    """Returns what to write next in this namespace; call again after each write, until nothing is left."""
    if not holding.is_open:
        return EMPTY_PLAN
    writes: dict[tuple[type, str], Write] = {}
    for claim in claims:
        if write := _plan_secret(holding, claim, claims):
            writes.setdefault((type(write), write.name), write)
    for account in holding.accounts.values():
        wanted = _references(holding, account, claims)
        if wanted != account.references:
            writes[PatchServiceAccount, account.name] = _patch(account, wanted)
    statuses = tuple(_standing(holding, claim, claims) for claim in claims if claim.state is ClaimState.WANTS)
    return NamespacePlan(tuple(writes.values()), statuses)


def _patch(account: ObservedServiceAccount, wanted: tuple[str, ...]) -> PatchServiceAccount:
    added = tuple(name for name in wanted if name not in account.references)
    attached = tuple(name for name in account.attached if name in wanted and name not in added)
    return PatchServiceAccount(replace(account, references=wanted, attached=attached + added), attaches=bool(added))


def is_held(holding: NamespaceState, claim: NamespaceClaim, claims: Sequence[NamespaceClaim]) -> bool:
    """Whether something of a claim that lets go is still there and ours to remove."""
    if not holding.is_open:
        return False
    secret = holding.secrets.get(claim.secret_name)
    if secret is not None and secret.owner == claim.uid and not _is_kept_by(claim.uid, claim.secret_name, claims):
        return True
    return any(_is_dropped(holding, account, claim, claims) for account in holding.accounts.values())


def pull_secrets_for_new_pod(holding: NamespaceState, claim: NamespaceClaim, account: str) -> tuple[str, ...]:
    """Returns the references that a new pod of a service account gets; nothing unless the stake's is among them.

    Nor if the Secret behind it is missing or not as it should be: the pod would get the reference in vain.
    """
    observed, known = holding.secrets.get(claim.secret_name), holding.accounts.get(account)
    if claim.state is not ClaimState.WANTS or not holding.is_open or not claim.covers(account):
        return ()
    if observed is None or observed.terminating or not _is_right(observed, claim):
        return ()
    return known.references if known and claim.secret_name in known.references else ()


def _is_kept_by(uid: str, secret_name: str, claims: Sequence[NamespaceClaim]) -> bool:
    return any(claim.keeps and claim.uid == uid and claim.secret_name == secret_name for claim in claims)


def _plan_secret(
    holding: NamespaceState, claim: NamespaceClaim, claims: Sequence[NamespaceClaim]
) -> ApplySecret | DeleteSecret | None:
    observed = holding.secrets.get(claim.secret_name)
    if claim.state is ClaimState.LETS_GO:
        return _plan_removal(holding, claim, claims)
    if claim.state is not ClaimState.WANTS or (observed and observed.terminating):
        return None
    if observed is None:
        return ApplySecret(claim.secret_name, claim.uid)
    if (
        _is_right(observed, claim)
        or _obstacle(holding, observed, claim, claims)
        or _is_awaited(holding, observed, claim, claims)
    ):
        return None
    if observed.immutable:
        return DeleteSecret(observed.name, observed.uid, recreate=True)
    adopted = observed.adopted or not _is_known(observed.owner, claims)
    return ApplySecret(observed.name, claim.uid, adopted, observed.uid)


def _plan_removal(
    holding: NamespaceState, claim: NamespaceClaim, claims: Sequence[NamespaceClaim]
) -> DeleteSecret | None:
    observed = holding.secrets.get(claim.secret_name)
    if observed is None or observed.owner != claim.uid or observed.terminating:
        return None
    if any(other.secret_name == claim.secret_name and _succeeds(other, claim) for other in claims):
        return None
    referred = (a for a in holding.accounts.values() if claim.secret_name in a.references)
    if any(_is_dropped(holding, account, claim, claims) for account in referred):
        return None  # the references first: a pod made in between must not point to nothing
    return DeleteSecret(observed.name, observed.uid)


def _succeeds(other: NamespaceClaim, leaver: NamespaceClaim) -> bool:
    # A successor takes the Secret over as it is, so that there is no gap; one that has not seen everything may never.
    return other.state is ClaimState.WANTS or (other.keeps and other.uid == leaver.uid)


def _is_right(observed: ObservedSecret, claim: NamespaceClaim) -> bool:
    return observed.owner == claim.uid and observed.digest == claim.digest and observed.labelled


def _is_known(owner: str, claims: Sequence[NamespaceClaim]) -> bool:
    return any(claim.uid == owner for claim in claims)


def _obstacle(
    holding: NamespaceState, observed: ObservedSecret, claim: NamespaceClaim, claims: Sequence[NamespaceClaim]
) -> ClaimStatus | None:
    if observed.owner == claim.uid or _predecessors(observed, claims):
        return None
    place = holding.observed.name if holding.observed else ""
    if any(other.keeps and other.uid == observed.owner for other in claims):
        message = (
            f"Secret '{observed.name}' in namespace '{place}' belongs to another HarborRegistry: "
            "give one of the two another `spec.pullSecrets.secretName`"
        )
        return ClaimStatus(claim.uid, ready=False, reason=Reason.SECRET_NAME_TAKEN, message=message)
    if claim.adopts:
        return None
    message = (
        f"namespace '{place}' holds a Secret '{observed.name}' that is not ours: delete or rename it, choose another "
        "`spec.pullSecrets.secretName`, or set `spec.pullSecrets.conflictPolicy: Adopt` to take it over"
    )
    return ClaimStatus(claim.uid, ready=False, reason=Reason.FOREIGN_SECRET, message=message)


def _predecessors(
    observed: ObservedSecret, claims: Sequence[NamespaceClaim]
) -> Iterator[NamespaceClaim] | list[NamespaceClaim]:
    """Stakes of the Secret's owner, if that owner is only leaving."""
    owners = [claim for claim in claims if claim.uid == observed.owner and claim.secret_name == observed.name]
    return [] if any(claim.keeps for claim in owners) else owners


def _is_awaited(
    holding: NamespaceState, observed: ObservedSecret, claim: NamespaceClaim, claims: Sequence[NamespaceClaim]
) -> bool:
    """Whether the owner before us still has references to drop, which only its own label entitles it to."""
    if observed.owner == claim.uid:
        return False
    return any(
        leaver.state is ClaimState.WAITS
        or any(_is_dropped(holding, account, leaver, claims) for account in holding.accounts.values())
        for leaver in _predecessors(observed, claims)
    )


def _references(
    holding: NamespaceState, account: ObservedServiceAccount, claims: Sequence[NamespaceClaim]
) -> tuple[str, ...]:
    references = account.references
    for claim in claims:
        name = claim.secret_name
        if _is_dropped(holding, account, claim, claims):
            references = tuple(other for other in references if other != name)
        elif claim.state is ClaimState.WANTS and claim.covers(account.name) and name not in references:
            observed = holding.secrets.get(name)
            if observed is not None and observed.owner == claim.uid:
                references = (*references, name)
    return references


def _is_dropped(
    holding: NamespaceState, account: ObservedServiceAccount, claim: NamespaceClaim, claims: Sequence[NamespaceClaim]
) -> bool:
    name = claim.secret_name
    if claim.state is not ClaimState.LETS_GO or name not in account.references or not claim.covers(account.name):
        return False
    if any(other.keeps and other.secret_name == name and other.covers(account.name) for other in claims):
        return False
    observed = holding.secrets.get(name)
    if observed is not None and (observed.owner == claim.uid or not _is_known(observed.owner, claims)):
        return observed.owner == claim.uid
    # With the Secret gone, or another registry's by now, only our note on the account proves whose the reference is.
    return name in account.attached


def _standing(holding: NamespaceState, claim: NamespaceClaim, claims: Sequence[NamespaceClaim]) -> ClaimStatus:
    observed = holding.secrets.get(claim.secret_name)
    if observed is None or observed.terminating:
        return _plain(claim.uid, ready=False)
    if obstacle := _obstacle(holding, observed, claim, claims):
        return obstacle
    return _plain(claim.uid, ready=_is_right(observed, claim) and _is_attached(holding, claim))


def _is_attached(holding: NamespaceState, claim: NamespaceClaim) -> bool:
    # Every namespace is given its default account a moment after its birth: without it, nothing is in place yet.
    if DEFAULT_ACCOUNT not in holding.accounts and claim.covers(DEFAULT_ACCOUNT):
        return False
    return all(
        claim.secret_name in account.references for account in holding.accounts.values() if claim.covers(account.name)
    )


@lru_cache(maxsize=64)
def _plain(uid: str, *, ready: bool) -> ClaimStatus:
    """One object for all the namespaces in which a wish is equally far."""
    return ClaimStatus(uid, ready)
