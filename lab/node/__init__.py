"""A real node for the lab: kubelet, kube-proxy, containerd, runc, CNI and CoreDNS in separate Linux namespaces.

    node = KubeletNode.start(lab.directory, lab.control_plane, lab.processes, lab.authority)
    node.import_images(archive)                  # a docker archive; nothing is pulled from outside
    node.import_as(archive, "example.com/core:1")   # the single image of an OCI or docker archive, under this name
    node.trust("localhost:15001")                # containerd trusts the lab's authority for this registry
    node.ingress("intra")                        # -> IngressFront(url, mark, requests_since, stop)
    node.describe("intra")                       # pods, events and the ends of container logs, for a message
    node.health()                                # whether it is Ready, and the logs of its daemons if it is not
    node.stop()

Only the node is inside the namespaces; control plane, services, operator and tests are outside. Network, mounts,
processes, host name and IPC are private. The machine is not changed, two labs do not interfere, and one signal ends the
node with all its pods. The network has no uplink. `relay` forwards connections across its border:

- The lab's servers listen on loopback on ports of `lab.process.PORTS`. On the node and **in every pod** a connection to
  such a port of 127.0.0.1 reaches that server (in pods through the CNI plugin `loopback`). `localhost:15001` is the
  same server for the operator, for containerd and for a pod, with the same certificate.
- The API server, outside, reaches the kubelet (logs, exec) because the node's name is `localhost` and its kubelet has a
  port of the same range.

Modules: `plan` has all paths and programs; `configs` writes the configuration of the daemons; `objects` has the cluster
objects; `inside` is the first process in the namespaces; `cgroups` creates and removes the control group of the pods;
`programs` finds the programs; `kubelet` is the lab's handle; `rootfs`, `servers`, `archive` and `images` create the
images of a release from programs of this machine and the folder `image`; `release` imports them; `apps` are small
applications for tests; `choice` selects between this node and KWOK.

Requirements: Linux and root; `programs.missing_requirement()` names what is missing. One difference to real loopback: a
pod that connects to a stopped server gets a reset connection, where the machine would refuse the connection.
"""
