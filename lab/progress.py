"""Progress of long tasks: a spinner or bar with the elapsed time on a terminal, plain lines elsewhere.

All output goes to standard error, so that the standard output of a command stays usable.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Iterator


LINE_INTERVAL_SECONDS = 20.0
BAR_CHARACTERS = 20


class Task(Protocol):
    """A running task that can show its current step."""

    def update(self, text: str) -> None:
        """Shows `text` beside the title."""

    def advance(self, text: str, done: int = 0, total: int = 0) -> None:
        """Shows `text`, and the share and the remaining time if the total is known; may be called often."""


class Estimate:
    """How much of a step is done, and how long the rest takes at the present speed."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._total = 0

    def describe(self, text: str, done: int, total: int) -> str:
        """Returns the text, with the share and the remaining time if they are known."""
        if total != self._total:
            self._began, self._total = time.monotonic(), total
        if not 0 < done < total:
            return text
        seconds = (time.monotonic() - self._began) / done * (total - done)
        return f"{text}, {done * 100 // total} %, {_rounded(seconds)} left"


def _rounded(seconds: float) -> str:
    return f"about {seconds / 60:.0f} min" if seconds > 90 else f"about {seconds:.0f} s"


class _Display:
    """The single live display of the program: rich allows only one, and tasks run in several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._progress: Progress | None = None

    def enter(self, console: Console) -> Progress:
        with self._lock:
            if self._progress is None:
                title = TextColumn("{task.description}", markup=False)
                text = TextColumn("{task.fields[text]}", style="dim", markup=False)
                bar = BarColumn(bar_width=BAR_CHARACTERS)
                self._progress = Progress(SpinnerColumn(), title, bar, TimeElapsedColumn(), text, console=console)
                self._progress.start()
            self._users += 1
            return self._progress

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._progress is not None:
                self._progress.stop()
                self._progress = None


_DISPLAY = _Display()


class _Spinner:
    def __init__(self, progress: Progress, title: str) -> None:
        self._progress = progress
        self._task: TaskID = progress.add_task(title, total=None, text="")
        self._estimate = Estimate()

    def update(self, text: str) -> None:
        self._progress.update(self._task, text=text)

    def advance(self, text: str, done: int = 0, total: int = 0) -> None:
        shown = self._estimate.describe(text, done, total)
        self._progress.update(self._task, text=shown, completed=done, total=total or None)

    def finish(self, text: str) -> None:
        self._progress.update(self._task, completed=1, total=1, text=text)


class _Lines:
    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._estimate = Estimate()
        self._printed_at = time.monotonic()
        self._print("...")

    def _print(self, text: str) -> None:
        self._console.print(f"{self._title}: {text}", markup=False, highlight=False, soft_wrap=True)

    def update(self, text: str) -> None:
        self._print(text)

    def advance(self, text: str, done: int = 0, total: int = 0) -> None:
        described = self._estimate.describe(text, done, total)
        if time.monotonic() - self._printed_at > LINE_INTERVAL_SECONDS:
            self._print(described)
            self._printed_at = time.monotonic()

    def finish(self, text: str) -> None:
        self._print(text)


@contextmanager
def task(title: str) -> Iterator[Task]:
    """Shows `title` as a running task until the block ends, then its result and duration."""
    console = Console(stderr=True)
    live = console.is_terminal
    shown = _Spinner(_DISPLAY.enter(console), title) if live else _Lines(console, title)
    begin = time.monotonic()
    outcome = "failed"
    try:
        yield shown
        outcome = "done"
    finally:
        shown.finish(f"{outcome} in {time.monotonic() - begin:.1f} s")
        if live:
            _DISPLAY.leave()
