"""`images`: every image that the chart of a spec uses, for a mirror or an air gap."""

from __future__ import annotations

import argparse

from harbor_operator.kubectl.errors import CommandError
from harbor_operator.kubectl.output import write, write_json


def run(options: argparse.Namespace) -> int:
    """Prints the images, one a line."""
    try:
        from harbor_operator.kubectl.rendered import images_of, read_registry, render  # noqa: PLC0415 - not in the file
    except ImportError:
        text = "`images` needs the whole package, and this is the single file: run `uv tool install ./harbor-operator`"
        raise CommandError(text) from None
    registry = read_registry(options.filename)
    images = images_of(render(registry, options.chart))
    if options.output == "json":
        write_json({"registry": f"{registry.metadata.namespace}/{registry.metadata.name}", "images": images})
    else:
        write(images)
    return 0
