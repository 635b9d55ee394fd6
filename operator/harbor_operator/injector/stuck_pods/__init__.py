"""Evicts pods that were created before their service account had the reference, for registries that want it.

    controller.py  the tasks: one watch of pods while a registry wants it, and one worker
    evictor.py     watch event -> pure decision -> evictions
    backoff.py     how long a pod must wait whose owner lost a pod before

It needs one thing from the injector, the references that a new pod of a service account gets.
"""
