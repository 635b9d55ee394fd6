"""The versions of the servers that the lab can start; a variable selects one.

    HARBOR_LAB_KUBERNETES=1.33 HARBOR_LAB_POSTGRES=13 HARBOR_LAB_REDIS=valkey-9.1 HARBOR_LAB_CEPH=18

Without its variable, a server is the one of this machine or of its Debian release, and Kubernetes is the newest.
`python -m lab.version_runs` runs the tests of a server on each of its versions.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from lab.process import LabError


@dataclass(frozen=True)
class Server:
    """A server with its selectable versions, oldest first."""

    key: str
    versions: tuple[str, ...]
    started: set[str] = field(default_factory=set, compare=False)
    """The releases that this program started, as the servers themselves report them."""

    @property
    def variable(self) -> str:
        """The environment variable that selects a version."""
        return f"HARBOR_LAB_{self.key.upper()}"

    def selected(self) -> str:
        """Returns the version that the variable selects, or an empty string. Raises LabError if it is unknown."""
        version = os.environ.get(self.variable, "")
        if version and version not in self.versions:
            raise LabError(f"`{self.variable}` is '{version}'; allowed are {', '.join(self.versions)}")
        return version

    def name(self, version: str) -> str:
        """Returns the name of a version among those of all servers, such as 'postgres-13'."""
        return version if version[0].isalpha() else f"{self.key}-{version}"


KUBERNETES = Server("kubernetes", ("1.33", "1.34", "1.35", "1.36", "1.37"))
POSTGRES = Server("postgres", ("13", "14", "15", "16", "17", "18"))
REDIS = Server("redis", ("redis-6.2", "redis-7.0", "redis-8.0", "valkey-8.1", "valkey-9.1"))
CEPH = Server("ceph", ("16", "18", "20"))
SERVERS = (KUBERNETES, POSTGRES, REDIS, CEPH)
