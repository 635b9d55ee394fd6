"""The Harbor operator: one HarborRegistry becomes a working registry, and every namespace gets its pull Secret.

The packages, from the ground up; which one may import which is checked (`make contracts`):

- `reasons`      every reason that a condition may give
- `api`          spec and status of a HarborRegistry as frozen models, and the CRD generated from them
- `model`        desired and observed types, one file per concern
- `checks`       pure checks (observed -> Blocked or None), and the catalogue of problems and remedies
- `plan`         pure desired state (registry -> what should exist), names and Helm values
- `ports`        narrow protocols of the systems outside; `adapters` implement them
- `steps`        one class per condition: read, check, write the difference, report
- `injector`     from a new namespace to its pull Secret and imagePullSecrets entry
- `status`       outcomes become conditions; `metrics` the catalogue of metrics and their values
- `reconciler`   one pass over all steps
- `handlers`     Kopf handlers; `gauges` values that are read when Prometheus asks
- `kopf_runtime` Kopf's settings, login and tasks; `leader` leader election and the tasks of the leader
- `kubectl`      the command line `kubectl harbor`, which imports only the catalogue of `checks` and names of `api`
- `node_trust`   the program of the optional DaemonSet that writes the CA files of nodes
- `app`          the composition root; `log_format` the log; `settings` the environment; `cli` the command line
"""

__version__ = "0.1.0"
