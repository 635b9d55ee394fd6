"""From the arguments of a verb to the cluster that it means."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from harbor_operator.kubectl.arguments import CLUSTER_ARGUMENTS
from harbor_operator.kubectl.cluster import Target


def target_of(options: argparse.Namespace) -> Target:
    """Returns the cluster and the identity that the arguments name."""
    chosen = (("context", options.context), ("kubeconfig", options.kubeconfig), ("as", options.as_user))
    flags = [f"--{name}={value}" for name, value in chosen if value]
    flags += [f"--as-group={group}" for group in options.as_group]
    return Target(flags, options.namespace, options.request_timeout)


def target_of_words(words: Sequence[str]) -> Target:
    """Returns the same for a command line that is not complete; other words do not matter."""
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    for argument in CLUSTER_ARGUMENTS:
        parser.add_argument(*argument.names, **argument.options)
    try:
        return target_of(parser.parse_known_args(list(words))[0])
    except (argparse.ArgumentError, SystemExit):
        return Target()
