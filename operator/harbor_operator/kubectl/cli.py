"""The entry points: `kubectl-harbor`, which kubectl runs as `kubectl harbor`, and `kubectl_complete-harbor`.

Help and completion run at each key press, so what only a verb needs is imported after its name is known.
"""

# ruff: noqa: PLC0415 - see above
from __future__ import annotations

import os
import sys

from harbor_operator import __version__
from harbor_operator.kubectl.errors import CommandError
from harbor_operator.kubectl.verbs import VERBS, arguments_of, verb_named

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from harbor_operator.kubectl.verb import Verb

PROGRAM = "kubectl harbor"
DONE, ERROR, INTERRUPTED = 0, 2, 130
"""Exit codes; 1 is a problem that a verb found. 2 is also wrong usage, no access, or an object that does not exist.
130 is 128 and the number of SIGINT, as shells report it.
"""

COMPLETE = "__complete"
"""For the script that `completion` prints."""

LINE_CHARACTERS = 80


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code of a verb."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == [COMPLETE]:
        return complete(words[1:])
    options = make_parser(words).parse_args(words)
    return _run(options)


def _run(options: argparse.Namespace) -> int:
    import contextlib
    import importlib
    import signal
    from datetime import UTC, datetime

    options.clock = lambda: datetime.now(UTC)
    with contextlib.suppress(AttributeError, ValueError):
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal without Unicode
    # Otherwise `kubectl proxy` would outlive this process, and nothing would be cleaned up. `nohup` ignores SIGHUP.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: sys.exit(ERROR))
    try:
        module = importlib.import_module(f"harbor_operator.kubectl.{options.verb.module}")
        return int(module.run(options))
    except CommandError as error:
        sys.stderr.write(f"error: {error}\n")
        return ERROR
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader, for example `head`, has ended
        return DONE


def complete(arguments: Sequence[str] | None = None) -> int:
    """Prints the completions of the last word, as kubectl expects them of `kubectl_complete-harbor`."""
    from harbor_operator.kubectl.completion import completions

    sys.stdout.write(completions(list(sys.argv[1:] if arguments is None else arguments)))
    return DONE


def make_parser(words: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """Returns the parser of all verbs; with the words of a command line, only their verb gets its arguments."""
    import argparse

    width = _width()

    def formatter(prog: str) -> argparse.HelpFormatter:
        return argparse.HelpFormatter(prog, width=width)

    text = "Explain, check and control HarborRegistries, and find out why a pod cannot pull."
    end = "Exit codes: 0 = done, 1 = a problem was found, 2 = the command could not run."
    parser = argparse.ArgumentParser(prog=PROGRAM, description=text, epilog=end, formatter_class=formatter)
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    chosen = VERBS if words is None else [verb for verb in map(verb_named, words) if verb]
    for verb in VERBS:
        added = verbs.add_parser(verb.name, help=verb.help, description=_description(verb), formatter_class=formatter)
        if verb in chosen:
            _add(added, verb)
    return parser


def _width() -> int:
    """Returns the width of a line of help, as argparse does: but its own way imports the modules of archives."""
    given = os.environ.get("COLUMNS", "")
    try:
        columns = int(given) if given.isdecimal() else os.get_terminal_size().columns
    except OSError:  # no terminal
        columns = 0
    return (columns or LINE_CHARACTERS) - 2


def _add(parser: argparse.ArgumentParser, verb: Verb) -> None:
    for argument in arguments_of(verb):
        parser.add_argument(*argument.names, help=argument.help, **argument.options)
    parser.set_defaults(verb=verb)


def _description(verb: Verb) -> str:
    return f"{verb.help[0].upper()}{verb.help[1:]}. {verb.description}"
