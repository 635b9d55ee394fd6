"""The lab: every server the operator talks to, as ordinary local processes.

No container engine, loopback only; one folder holds all state and logs, and everything ends with the parent. Root is
needed for the real node alone.

What everything else stands on:

- `cache`      where built and unpacked programs are kept
- `progress`   a spinner on a terminal, plain lines elsewhere
- `process`    children, their logs, waiting with a deadline, free ports
- `certs`      the certificate authority of the lab
- `debian`     programs from PATH, else from Debian packages unpacked into the cache
- `gotools`    programs from PATH, else built once from pinned Go modules

The cluster, and all of it together:

- `controlplane`, `apiserver`, `kubeconfig`   a real control plane
- `audit`      the API server's own record of every request
- `badroad`    a way to the API server on which requests fail and watches break off, as a test wants it
- `node`       a real node, on which pods run, and the choice between it and the next
- `kwok`       a node whose pods only pretend
- `ingress`    what leads from outside to the pods of a real node: an nginx that does what Ingress objects say
- `chart`      which Harbor chart is installed
- `harbor`     a stand-in for Harbor's core, in front of the real docker-registry
- `lab`        everything started together; `cli` and `state` keep it in the background

The backing services, started together by `services`:

- `postgres`   PostgreSQL with TLS, and a log of every statement that changes something
- `redis`      Redis, standalone or in the shapes that Harbor cannot use
- `ceph`       monitor, OSD and the RADOS gateway with its Swift dialect
- `nginx`      TLS front of the gateway and of Harbor, and a log of every request

What images need:

- `registry`   docker-registry from a given configuration
- `skopeo`     push and pull with proof by digest
- `images`     a small image made on the spot
"""
