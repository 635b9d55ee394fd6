"""The wish for one namespace: what it holds and who has a stake in it -> the next writes, and how far each wish is.

Three rules keep other people's things safe. A Secret is ours only if its label says so. A reference goes before its
Secret when something is taken away, and comes after it when something is brought. A reference to somebody else's
Secret is neither added nor removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from functools import lru_cache

import msgspec
from msgspec.structs import replace

from harbor_operator.plan.holding import AccountSeen, Holding, SecretSeen
from harbor_operator.reasons import Reason

EVERY_ACCOUNT = "*"
DEFAULT_ACCOUNT = "default"


class Stance(Enum):
    """What a registry asks of one namespace."""

    WANTS = "holds the Secret and the references"
    GUARDS = "would want them, but has not seen everything yet: nothing is taken away, nothing is brought"
    LETS_GO = "holds nothing of it any more"
    WAITS = "will let go once everything has been seen; may be succeeded already"


class Stake(msgspec.Struct, frozen=True):
    """One registry's interest in one namespace."""

    uid: str
    secret_name: str
    accounts: tuple[str, ...]
    stance: Stance
    digest: bytes = b""
    adopts: bool = False

    def covers(self, account: str) -> bool:
        """Whether the stake is about this service account."""
        return account in self.accounts or EVERY_ACCOUNT in self.accounts

    @property
    def keeps(self) -> bool:
        """Whether what it covers must stay."""
        return self.stance in {Stance.WANTS, Stance.GUARDS}


class ApplySecret(msgspec.Struct, frozen=True):
    """Make the Secret what the registry wants; `replaces` is the uid of the one that is there, if there is one."""

    name: str
    uid: str
    adopted: bool = False
    replaces: str = ""


class DeleteSecret(msgspec.Struct, frozen=True):
    """Delete the Secret with exactly this uid; `remakes` if only to make it anew, because it cannot be changed."""

    name: str
    uid: str
    remakes: bool = False


class PatchAccount(msgspec.Struct, frozen=True):
    """Give a service account that is still at this revision these references; `adds` if one of ours is missing."""

    account: AccountSeen
    adds: bool

    @property
    def name(self) -> str:
        """Name of the service account."""
        return self.account.name


Write = ApplySecret | DeleteSecret | PatchAccount


class Standing(msgspec.Struct, frozen=True):
    """How far one wish is in one namespace; without a reason it is `ready` or on its way."""

    uid: str
    ready: bool
    reason: Reason | None = None
    message: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """The next writes, independent of each other, and where every wish stands."""

    writes: tuple[Write, ...] = ()
    standings: tuple[Standing, ...] = ()


NOTHING = Verdict()


def plan_namespace(holding: Holding, stakes: Sequence[Stake]) -> Verdict:
    """Returns what to write next in this namespace; call again after each write, until nothing is left."""
    if not holding.is_open:
        return NOTHING
    writes: dict[tuple[type, str], Write] = {}
    for stake in stakes:
        if write := _plan_secret(holding, stake, stakes):
            writes.setdefault((type(write), write.name), write)
    for account in holding.accounts.values():
        wanted = _references(holding, account, stakes)
        if wanted != account.references:
            writes[PatchAccount, account.name] = _patch(account, wanted)
    standings = tuple(_standing(holding, stake, stakes) for stake in stakes if stake.stance is Stance.WANTS)
    return Verdict(tuple(writes.values()), standings)


def _patch(account: AccountSeen, wanted: tuple[str, ...]) -> PatchAccount:
    added = tuple(name for name in wanted if name not in account.references)
    attached = tuple(name for name in account.attached if name in wanted and name not in added)
    return PatchAccount(replace(account, references=wanted, attached=attached + added), adds=bool(added))


def is_held(holding: Holding, claim: Stake, stakes: Sequence[Stake]) -> bool:
    """Whether something of a claim that lets go is still there and ours to remove."""
    if not holding.is_open:
        return False
    secret = holding.secrets.get(claim.secret_name)
    if secret is not None and secret.owner == claim.uid and not _is_kept_by(claim.uid, claim.secret_name, stakes):
        return True
    return any(_is_dropped(holding, account, claim, stakes) for account in holding.accounts.values())


def offered_to(holding: Holding, stake: Stake, account: str) -> tuple[str, ...]:
    """Returns the references that a new pod of a service account gets; nothing unless the stake's is among them.

    Nor if the Secret behind it is missing or not as it should be: the pod would get the reference in vain.
    """
    seen, known = holding.secrets.get(stake.secret_name), holding.accounts.get(account)
    if stake.stance is not Stance.WANTS or not holding.is_open or not stake.covers(account):
        return ()
    if seen is None or seen.leaving or not _is_right(seen, stake):
        return ()
    return known.references if known and stake.secret_name in known.references else ()


def _is_kept_by(uid: str, secret_name: str, stakes: Sequence[Stake]) -> bool:
    return any(stake.keeps and stake.uid == uid and stake.secret_name == secret_name for stake in stakes)


def _plan_secret(holding: Holding, stake: Stake, stakes: Sequence[Stake]) -> ApplySecret | DeleteSecret | None:
    seen = holding.secrets.get(stake.secret_name)
    if stake.stance is Stance.LETS_GO:
        return _plan_removal(holding, stake, stakes)
    if stake.stance is not Stance.WANTS or (seen and seen.leaving):
        return None
    if seen is None:
        return ApplySecret(stake.secret_name, stake.uid)
    if _is_right(seen, stake) or _obstacle(holding, seen, stake, stakes) or _is_awaited(holding, seen, stake, stakes):
        return None
    if seen.fixed:
        return DeleteSecret(seen.name, seen.uid, remakes=True)
    adopted = seen.adopted or not _is_known(seen.owner, stakes)
    return ApplySecret(seen.name, stake.uid, adopted, seen.uid)


def _plan_removal(holding: Holding, stake: Stake, stakes: Sequence[Stake]) -> DeleteSecret | None:
    seen = holding.secrets.get(stake.secret_name)
    if seen is None or seen.owner != stake.uid or seen.leaving:
        return None
    if any(other.secret_name == stake.secret_name and _succeeds(other, stake) for other in stakes):
        return None
    referred = (a for a in holding.accounts.values() if stake.secret_name in a.references)
    if any(_is_dropped(holding, account, stake, stakes) for account in referred):
        return None  # the references first: a pod made in between must not point to nothing
    return DeleteSecret(seen.name, seen.uid)


def _succeeds(other: Stake, leaver: Stake) -> bool:
    # A successor takes the Secret over as it is, so that there is no gap; one that has not seen everything may never.
    return other.stance is Stance.WANTS or (other.keeps and other.uid == leaver.uid)


def _is_right(seen: SecretSeen, stake: Stake) -> bool:
    return seen.owner == stake.uid and seen.digest == stake.digest and seen.labelled


def _is_known(owner: str, stakes: Sequence[Stake]) -> bool:
    return any(stake.uid == owner for stake in stakes)


def _obstacle(holding: Holding, seen: SecretSeen, stake: Stake, stakes: Sequence[Stake]) -> Standing | None:
    if seen.owner == stake.uid or _predecessors(seen, stakes):
        return None
    place = holding.seen.name if holding.seen else ""
    if any(other.keeps and other.uid == seen.owner for other in stakes):
        message = (
            f"Secret '{seen.name}' in namespace '{place}' belongs to another HarborRegistry: "
            "give one of the two another `spec.pullSecrets.secretName`"
        )
        return Standing(stake.uid, ready=False, reason=Reason.SECRET_NAME_TAKEN, message=message)
    if stake.adopts:
        return None
    message = (
        f"namespace '{place}' holds a Secret '{seen.name}' that is not ours: delete or rename it, choose another "
        "`spec.pullSecrets.secretName`, or set `spec.pullSecrets.conflictPolicy: Adopt` to take it over"
    )
    return Standing(stake.uid, ready=False, reason=Reason.FOREIGN_SECRET, message=message)


def _predecessors(seen: SecretSeen, stakes: Sequence[Stake]) -> Iterator[Stake] | list[Stake]:
    """Stakes of the Secret's owner, if that owner is only leaving."""
    owners = [stake for stake in stakes if stake.uid == seen.owner and stake.secret_name == seen.name]
    return [] if any(stake.keeps for stake in owners) else owners


def _is_awaited(holding: Holding, seen: SecretSeen, stake: Stake, stakes: Sequence[Stake]) -> bool:
    """Whether the owner before us still has references to drop, which only its own label entitles it to."""
    if seen.owner == stake.uid:
        return False
    return any(
        leaver.stance is Stance.WAITS
        or any(_is_dropped(holding, account, leaver, stakes) for account in holding.accounts.values())
        for leaver in _predecessors(seen, stakes)
    )


def _references(holding: Holding, account: AccountSeen, stakes: Sequence[Stake]) -> tuple[str, ...]:
    references = account.references
    for stake in stakes:
        name = stake.secret_name
        if _is_dropped(holding, account, stake, stakes):
            references = tuple(other for other in references if other != name)
        elif stake.stance is Stance.WANTS and stake.covers(account.name) and name not in references:
            seen = holding.secrets.get(name)
            if seen is not None and seen.owner == stake.uid:
                references = (*references, name)
    return references


def _is_dropped(holding: Holding, account: AccountSeen, stake: Stake, stakes: Sequence[Stake]) -> bool:
    name = stake.secret_name
    if stake.stance is not Stance.LETS_GO or name not in account.references or not stake.covers(account.name):
        return False
    if any(other.keeps and other.secret_name == name and other.covers(account.name) for other in stakes):
        return False
    seen = holding.secrets.get(name)
    if seen is not None and (seen.owner == stake.uid or not _is_known(seen.owner, stakes)):
        return seen.owner == stake.uid
    # With the Secret gone, or another registry's by now, only our note on the account proves whose the reference is.
    return name in account.attached


def _standing(holding: Holding, stake: Stake, stakes: Sequence[Stake]) -> Standing:
    seen = holding.secrets.get(stake.secret_name)
    if seen is None or seen.leaving:
        return _plain(stake.uid, ready=False)
    if obstacle := _obstacle(holding, seen, stake, stakes):
        return obstacle
    return _plain(stake.uid, ready=_is_right(seen, stake) and _is_attached(holding, stake))


def _is_attached(holding: Holding, stake: Stake) -> bool:
    # Every namespace is given its default account a moment after its birth: without it, nothing is in place yet.
    if DEFAULT_ACCOUNT not in holding.accounts and stake.covers(DEFAULT_ACCOUNT):
        return False
    return all(
        stake.secret_name in account.references for account in holding.accounts.values() if stake.covers(account.name)
    )


@lru_cache(maxsize=64)
def _plain(uid: str, *, ready: bool) -> Standing:
    """One object for all the namespaces in which a wish is equally far."""
    return Standing(uid, ready)
