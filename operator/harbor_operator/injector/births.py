"""Whether service accounts are born with the reference that an admission policy should have given them."""

from __future__ import annotations

from collections.abc import Sequence

from harbor_operator.plan.admission import acts_in
from harbor_operator.plan.holding import AccountSeen
from harbor_operator.plan.injection import Stake, Stance


class Births:
    """Counts, per registry with a policy in force, the accounts in a row that came without their reference.

    An API server may serve such policies and ignore them; what it does is the only thing that shows it.
    """

    def __init__(self) -> None:
        self._bare: dict[str, int] = {}

    def expect(self, registry_uid: str, *, attached: bool) -> None:
        """Begins to count, or stops."""
        if attached:
            self._bare.setdefault(registry_uid, 0)
        else:
            self._bare.pop(registry_uid, None)

    @property
    def is_expecting(self) -> bool:
        """Whether anything is counted at all."""
        return bool(self._bare)

    def note(self, account: AccountSeen, stakes: Sequence[Stake]) -> None:
        """Counts one account that was not there before."""
        if not acts_in(account.namespace):
            return
        for stake in stakes:
            uid = stake.uid
            if uid in self._bare and stake.stance is Stance.WANTS and stake.covers(account.name):
                self._bare[uid] = 0 if stake.secret_name in account.references else self._bare[uid] + 1

    def bare(self, registry_uid: str) -> int:
        """Returns how many of the latest accounts, in a row, came without."""
        return self._bare.get(registry_uid, 0)
