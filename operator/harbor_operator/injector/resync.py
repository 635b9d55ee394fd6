"""Looking at every namespace anew, a few at a time: ten thousand at once would keep a fresh one waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from harbor_operator.injector.queue import Priority


class Resync:
    """The namespaces that are still to be judged after a change that concerns all of them."""

    def __init__(self) -> None:
        self._left: deque[str] = deque()
        self._urgency = Priority.ROTATION

    @property
    def is_open(self) -> bool:
        """Whether any are left."""
        return bool(self._left)

    def begin(self, namespaces: list[str], priority: Priority) -> None:
        """Starts from the first again; what an unfinished review was about is no less urgent for that."""
        self._urgency = min(priority, self._urgency) if self._left else priority
        self._left = deque(namespaces)

    def go_on(self, judge: Callable[[str, Priority], None], limit: int | None) -> None:
        """Has the next ones judged, or all that are left."""
        for _ in range(len(self._left) if limit is None else min(limit, len(self._left))):
            judge(self._left.popleft(), self._urgency)
