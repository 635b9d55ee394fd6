"""Imports the images of a Harbor release to the node: those that the lab creates, and optionally a supplied core.

`HARBOR_CORE_IMAGE` names an OCI or docker archive of one image, as `skopeo copy` and `docker save` write it. This image
replaces the stand-in for core.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.chart import ResolvedChart
from lab.node.images import harbor_images, image_names
from lab.process import LabError

if TYPE_CHECKING:
    from lab.node.kubelet import KubeletNode

VARIABLE = "HARBOR_CORE_IMAGE"
OCI, DOCKER = "index.json", "manifest.json"
"""The files in which an archive lists its images; some archives have both."""


def import_release(node: KubeletNode, chart: ResolvedChart, core_image: Path | None) -> None:
    """Imports all images of this chart, with core from its own archive if there is one."""
    node.import_images(harbor_images(chart))
    if core_image is not None:
        node.import_as(core_image, image_names(chart)["harbor-core"])


def supplied_core_image() -> Path | None:
    """Returns the archive in `HARBOR_CORE_IMAGE`, if the variable is set. Raises LabError if it is invalid."""
    given = os.environ.get(VARIABLE)
    return checked(Path(given).expanduser().resolve()) if given else None


def checked(path: Path) -> Path:
    """Returns the path of an archive of one image. Raises LabError for anything else."""
    if not path.is_file():
        raise LabError(f"`{VARIABLE}` names '{path}', which is not a file; name an archive of one image, or unset it")
    count = len(_images(path))
    if count != 1:
        raise LabError(f"`{VARIABLE}` names '{path}', which holds {count} images; it must contain exactly one")
    return path


def _images(path: Path) -> list[Any]:
    try:
        with tarfile.open(path) as archive:
            names = {name.removeprefix("./"): name for name in archive.getnames()}
            index = OCI if OCI in names else DOCKER
            listed: Any = json.load(archive.extractfile(names[index]) or io.BytesIO())
            return list(listed["manifests"] if index == OCI else listed)
    except (tarfile.TarError, ValueError, KeyError, TypeError, OSError) as error:
        raise LabError(
            f"`{VARIABLE}` names '{path}', which is not an image archive (OCI or docker): {error!r}"
        ) from error
