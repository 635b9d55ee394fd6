"""A stand-in for Harbor's core: the parts of API v2.0, token service and /v2/ that an operator and a node use.

It behaves as observed on a real Harbor 2.15.2, including its irregularities, so that tests against it are valid for
Harbor. It reads the environment of Harbor's core container, stores its state in the configured PostgreSQL database, and
forwards image traffic to a real docker-registry with the registry credential of the release.

Modules: `app` combines the parts; `session` has the middlewares (cookie, CSRF, login, read-only, errors); `access` has
authentication and authorisation; `state` is the database; most other modules are one section of the API; `workloads`
runs the stand-in and the registry from the Deployments of a Helm release.

Not implemented: the delay of 1.5 s after a wrong password, quota enforcement on push, real garbage collection, users
other than `admin`, and the limits for a robot that grants rights to another robot.
"""
