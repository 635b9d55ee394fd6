"""The lab: every server that the operator uses, as local processes.

It needs no container engine and listens on loopback only. One folder has all state and logs. All processes end with the
parent process. Only the real node needs root.

Foundations:

- `cache`      the directory of built and unpacked programs, and its locks
- `progress`   a spinner on a terminal, plain lines elsewhere
- `process`    child processes, their logs, polling with a deadline, free ports
- `certs`      the certificate authority of the lab
- `debian`     programs from PATH, else from Debian packages that are unpacked into the cache
- `gotools`    programs from PATH, else built once from pinned Go modules

The cluster:

- `controlplane`, `apiserver`   a real control plane
- `kubernetes_client`           the client of its API, and the kubeconfig files
- `audit`      the API server's audit log: counts requests exactly
- `fault_proxy`  a proxy to the API server that injects faults
- `observer`   measures when a namespace has its pull Secret
- `node`       a real node on which pods run, and the choice between it and KWOK
- `kwok`       a simulated node: pods become Ready but do not run
- `ingress`    an ingress controller for the real node
- `chart`      which Harbor chart is installed
- `harbor`     a stand-in for Harbor's core, in front of the real docker-registry
- `operator`, `in_cluster`   the operator as a local process, or as pods
- `registries`, `registry_fixture`   HarborRegistry objects and everything that they reference
- `lab`        starts all of it; `cli` and `state` keep it in the background

The backing services, started together by `services`:

- `postgres`   PostgreSQL with TLS, and a log of every statement that changes something
- `redis`      Redis, standalone or in a mode that Harbor cannot use
- `ceph`       monitor, OSD and the RADOS gateway with its Swift API
- `nginx`      a TLS proxy in front of the gateway and of Harbor, with a request log

Started only by a test that needs it:

- `oidc_provider`  an OpenID provider, with refresh tokens or without
- `slapd`      OpenLDAP's server
- `versitygw`  an S3 server
- `azurite`    Azure Blob Storage
- `keystone`   OpenStack's identity service, for the RADOS gateway
- `prometheus`  Prometheus, which scrapes an operator and evaluates the shipped alerts; promtool

Images:

- `registry`   docker-registry with a given configuration
- `skopeo`     push and pull, verified by digest
- `images`     creates a small image
"""
