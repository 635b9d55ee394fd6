"""What the demo does, scene by scene; each scene fails loudly if what it promises is not there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.live import Live
from rich.table import Table

from lab.images import make_image
from lab.node.apps import deployment, wait_refused, wait_running, write_app
from lab.observer import Observer
from lab.operator import Operator
from lab.process import LabError
from lab.stage import Stage, install

if TYPE_CHECKING:
    from rich.console import Console

    from lab.lab import Lab
    from lab.node.kubelet import KubeletNode

READY_SECONDS = 90
NAMESPACES = ("shop", "billing", "search")
OPEN, EXCLUDED = "checkout", "kube-closed"
LONGEST_NAME = 120
COLOURS = {"True": "green", "False": "red", "Unknown": "yellow"}


def play(lab: Lab, console: Console) -> None:
    """Plays all scenes; LabError says what did not hold."""
    console.print(f"[bold]1. Real servers[/] on loopback, logs in {lab.directory / 'logs'}")
    console.print(
        "   etcd, kube-apiserver, controller-manager, scheduler; PostgreSQL with TLS; Redis; Ceph RGW behind TLS"
    )
    console.print(f"   {lab.choice.describe()}")
    console.print(f"   {_release(lab)}")
    console.print(f"   chart: {lab.chart.describe()}")
    console.print("[bold]2. CRD and rights[/] as shipped in deploy/, then the operator with exactly these rights")
    install(lab)
    stage = Stage.set_up(lab)
    operator = Operator.start(lab.control_plane, lab.processes)
    operator.wait_leading()
    console.print(f"[bold]3. One HarborRegistry[/] from deploy/examples/full.yaml: {stage.front.url}")
    seconds = _converge(stage, console)
    console.print(f"   everything True after [bold]{seconds:.1f} s[/]")
    console.print("[bold]4. Three new namespaces[/], and nobody asks for anything")
    _spread(lab, console)
    console.print("[bold]5. An image[/] pushed by the admin, pulled with the Secret that lies in one of them")
    _push_and_pull(stage, console)
    console.print("[bold]6. Pods that pull[/]: a Deployment without any mention of a Secret")
    if lab.kubelet is not None:
        _run_pods(stage, lab.kubelet, console)
    else:
        console.print("   not to be seen here: a pretended pod pulls nothing. As root on Linux the demo shows it.")
    console.print("[bold]7. What there is now[/]")
    _show(stage, console)


def _release(lab: Lab) -> str:
    if lab.kubelet is not None:
        return "the release's pods run on it; a real nginx in front does what the Ingress of the release says"
    return "registry and core of the release run as local processes instead"


def _run_pods(stage: Stage, node: KubeletNode, console: Console) -> None:
    plane = stage.lab.control_plane
    reference = f"{stage.front.url.removeprefix('https://')}/team-a/runs:1"
    layout = write_app(stage.lab.directory / "runs")
    ca_dir = stage.lab.authority.ca_dir
    stage.skopeo.copy_in(layout, reference, authfile=stage.admin_credential(), ca_dir=ca_dir)
    observer = Observer(plane)
    for name, wait, ends in ((OPEN, wait_running, "Running"), (EXCLUDED, wait_refused, "ErrImagePull, as it should")):
        began = observer.create_namespace(name)
        if name == OPEN:
            observer.wait_holds(name)
        plane.apply(deployment(name, reference))
        wait(plane, node, name)
        console.print(f"   namespace {name:12} pod is {ends} after [bold]{time.monotonic() - began:.1f} s[/]")
    observer.close()


def _converge(stage: Stage, console: Console) -> float:
    began = time.monotonic()
    stage.registry.apply(stage.spec)
    with Live(console=console, refresh_per_second=8, transient=True) as live:
        while not stage.registry.is_settled():
            live.update(_conditions(stage))
            if time.monotonic() - began > READY_SECONDS:
                raise LabError(f"not ready after {READY_SECONDS} seconds:\n{stage.registry.describe()}")
            time.sleep(0.2)
    seconds = time.monotonic() - began
    console.print(_conditions(stage))
    return seconds


def _conditions(stage: Stage) -> Table:
    table = Table("CONDITION", "STATUS", "REASON", "MESSAGE", box=None, padding=(0, 2), header_style="dim")
    for item in stage.registry.status().get("conditions", []):
        colour = COLOURS[item["status"]]
        table.add_row(item["type"], f"[{colour}]{item['status']}[/]", item["reason"], item["message"])
    return table


def _spread(lab: Lab, console: Console) -> None:
    observer = Observer(lab.control_plane)
    for name in NAMESPACES:
        made = observer.create_namespace(name)
        seconds = observer.wait_holds(name) - made
        console.print(f"   namespace {name:8} holds Secret and reference after [bold]{seconds * 1000:.0f} ms[/]")
    observer.close()


def _push_and_pull(stage: Stage, console: Console) -> None:
    directory = stage.lab.directory / "image"
    make_image(directory, size=6 << 20)
    reference = f"{stage.front.url.removeprefix('https://')}/team-a/app:1"
    ca_dir = stage.lab.authority.ca_dir
    pushed = stage.skopeo.copy_in(directory, reference, authfile=stage.admin_credential(), ca_dir=ca_dir)
    target = stage.lab.directory / "pulled"
    credential = stage.credential(NAMESPACES[0])
    pulled = stage.skopeo.copy_out(reference, target, authfile=credential, ca_dir=ca_dir)
    if pushed != pulled:
        raise LabError(f"pushed {pushed} and pulled {pulled}")
    console.print(f"   {reference}\n   {pushed}")
    objects = stage.lab.services.ceph.objects(stage.container)
    size = sum(stored.size for stored in objects)
    console.print(f"   Swift container {stage.container}: {len(objects)} objects, {size / 1e6:.1f} MB, among them")
    for stored in [one for one in objects if "/blobs/" in one.name or one.name.startswith("segments/")][:4]:
        console.print(f"     {_shortened(stored.name)} ({stored.size} bytes)")


def _shortened(name: str) -> str:
    """Returns a name that fits a line; the middle of a segment's name is a digest."""
    return name if len(name) <= LONGEST_NAME else f"{name[:60]}…{name[-30:]}"


def _show(stage: Stage, console: Console) -> None:
    kubectl = stage.lab.control_plane.kubectl
    console.print(kubectl("get", "hreg,namespaces", "-A"), markup=False)
    columns = "NAMESPACE:.metadata.namespace,ACCOUNT:.metadata.name,IMAGEPULLSECRETS:.imagePullSecrets[*].name"
    accounts = kubectl(
        "get", "serviceaccounts", "-A", "--field-selector=metadata.name=default", "-o", f"custom-columns={columns}"
    )
    console.print(accounts, markup=False)
    for name in NAMESPACES:
        if f"{name} " not in accounts:
            raise LabError(f"namespace '{name}' has vanished")
