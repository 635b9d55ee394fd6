"""Images that namespaces may pull, for a proof: from projects of this Harbor, never from a proxy-cache project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harbor_operator.api.robot import Robot
from harbor_operator.api.v1alpha1 import HarborRegistry, PullSecrets
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.namespace import ObservedNamespace
from harbor_operator.plan.reachability import project_with_image, pull_project
from harbor_operator.ports import Refused
from harbor_operator.ports.harbor import Harbor
from harbor_operator.ports.harbor_projects import HarborProjects
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.steps.harbor_access import read_access, read_admin
from harbor_operator.steps.pull_credential import PullCredential

MAX_PROJECTS_TRIED = 20
"""Projects of one namespace in which an image is looked for."""


@dataclass(frozen=True, slots=True)
class PullTargets:
    """Harbor without a login, and an image as 'project/name:tag' for each namespace for which one is known."""

    access: HarborEndpoint
    images: Mapping[str, str]


class PullImages:
    """Finds an image for each namespace of a sample; Harbor is asked once for each project."""

    def __init__(
        self, kube: NamespaceResources, harbor: Harbor, projects: HarborProjects, credential: PullCredential
    ) -> None:
        self._kube = kube
        self._harbor = harbor
        self._projects = projects
        self._credential = credential

    async def find(
        self, registry: HarborRegistry, section: PullSecrets, namespaces: Sequence[ObservedNamespace]
    ) -> PullTargets:
        """Returns the targets; without an image where Harbor does not let its projects be listed.

        Raises Unavailable if Harbor does not answer.
        """
        access = await read_access(self._kube, registry)
        admin = access.with_login(await read_admin(self._kube, registry))
        try:
            if robot := section.credential.namespace_robot:
                projects, reader = await self._projects_by_rights(registry, robot, namespaces, admin), admin
            else:
                viewer = await self._viewer(registry, section, admin)
                project = pull_project(registry, await self._harbor.read_projects(viewer))
                projects, reader = {one.name: project for one in namespaces}, admin if admin.login else viewer
            known = sorted({project for project in projects.values() if project})
            images = {project: await self._harbor.read_image(reader, project) for project in known}
        except Refused:
            return PullTargets(access, {})
        found = {name: images[project] for name, project in projects.items() if project}
        return PullTargets(access, {name: image for name, image in found.items() if image})

    async def _projects_by_rights(
        self, registry: HarborRegistry, robot: Robot, namespaces: Sequence[ObservedNamespace], admin: HarborEndpoint
    ) -> dict[str, str | None]:
        """Returns for each namespace a project with an image that its robot may pull from."""
        rights = {one.name: self._credential.namespace_robots.projects(registry, robot, one) for one in namespaces}
        tried = {name: projects[:MAX_PROJECTS_TRIED] for name, projects in rights.items()}
        found = await self._projects.find_projects(admin, set().union(*tried.values()))
        return {
            name: project_with_image(found[project] for project in projects if project in found)
            for name, projects in tried.items()
        }

    async def _viewer(self, registry: HarborRegistry, section: PullSecrets, admin: HarborEndpoint) -> HarborEndpoint:
        """Returns who lists the projects: an existing account itself, because only Harbor knows its rights."""
        if section.credential.secret_ref is None:
            return admin
        return admin.with_login(await self._credential.stored.read_known(registry, section))
