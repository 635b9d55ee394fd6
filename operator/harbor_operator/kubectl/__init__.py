"""The command line `kubectl harbor`: what a HarborRegistry does, why a pod cannot pull, what a log line means.

It runs on the computer of a person, where Python, the standard library and kubectl are enough. It imports nothing of
the operator but the catalogue of problems, a few names, and the kubelet's rules for credentials.

- `cli`         entry points, exit codes
- `verbs`       every verb with its `arguments` and `rights`; `setup_verbs` those for a spec and an installation
- `completion`  what kubectl asks of the completion of a plugin
- `cluster`     the API server through `kubectl proxy`; `registries` HarborRegistries by name; `output` text and JSON
- one module for each verb, imported only when it runs
"""
