"""Whether service accounts are born with the reference that an admission policy should have given them."""

from __future__ import annotations

from collections.abc import Sequence

from harbor_operator.model.injection import ClaimState, NamespaceClaim
from harbor_operator.model.namespace import ObservedServiceAccount
from harbor_operator.plan.admission import acts_in


class AdmissionPolicyMonitor:
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

    def note(self, account: ObservedServiceAccount, claims: Sequence[NamespaceClaim]) -> None:
        """Counts one account that was not there before."""
        if not acts_in(account.namespace):
            return
        for claim in claims:
            uid = claim.uid
            if uid in self._bare and claim.state is ClaimState.WANTS and claim.covers(account.name):
                self._bare[uid] = 0 if claim.secret_name in account.references else self._bare[uid] + 1

    def missed(self, registry_uid: str) -> int:
        """Returns how many of the latest accounts, in a row, came without."""
        return self._bare.get(registry_uid, 0)
