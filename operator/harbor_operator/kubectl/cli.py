"""The entry points: `kubectl-harbor`, which kubectl runs as `kubectl harbor`, and `kubectl_complete-harbor`."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from harbor_operator import __version__
from harbor_operator.kubectl.errors import CommandError
from harbor_operator.kubectl.verb import Verb
from harbor_operator.kubectl.verbs import VERBS, arguments_of

PROGRAM = "kubectl harbor"
DONE, ERROR = 0, 2
"""Exit codes; 1 is a problem that a verb found. 2 is also wrong usage, no access, or an object that does not exist."""

INTERRUPTED = signal.SIGINT + 128
COMPLETE = "__complete"
"""For the script that `completion` prints."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code of a verb."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == [COMPLETE]:
        return complete(words[1:])
    options = make_parser().parse_args(words)
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
    from harbor_operator.kubectl.completion import completions  # noqa: PLC0415 - only this entry point needs it

    sys.stdout.write(completions(list(sys.argv[1:] if arguments is None else arguments)))
    return DONE


def make_parser() -> argparse.ArgumentParser:
    """Returns the parser of all verbs."""
    text = "Explain, check and control HarborRegistries, and find out why a pod cannot pull."
    end = "Exit codes: 0 = done, 1 = a problem was found, 2 = the command could not run."
    parser = argparse.ArgumentParser(prog=PROGRAM, description=text, epilog=end)
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for verb in VERBS:
        _add(verbs.add_parser(verb.name, help=verb.help, description=_description(verb)), verb)
    return parser


def _add(parser: argparse.ArgumentParser, verb: Verb) -> None:
    for argument in arguments_of(verb):
        parser.add_argument(*argument.names, help=argument.help, **argument.options)
    parser.set_defaults(verb=verb, clock=partial(datetime.now, UTC))


def _description(verb: Verb) -> str:
    return f"{verb.help[0].upper()}{verb.help[1:]}. {verb.description}"
