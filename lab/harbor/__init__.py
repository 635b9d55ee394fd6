"""A stand-in for Harbor's core: the parts of API v2.0, token service and /v2/ that an operator and a node use.

It behaves as was observed on a real Harbor 2.15.2, odd corners included, so that code proven here meets no surprise
there. It takes the environment of Harbor's own core container, keeps its state in the PostgreSQL database it is given,
and passes image traffic to a real docker-registry with the registry credential of the release.

The map: `app` joins the parts; `session` is what happens to every request (cookie, CSRF, read-only, errors); `access`
says who asks and what that may do; `state` is the database; each other file is one section of the API; `workloads`
runs the stand-in and the registry from the Deployments of a Helm release.

Left out: the 1.5 s that a wrong password costs, quota enforcement on push, real garbage collection, users other than
`admin`, and the limits a robot meets when it grants rights to another robot.
"""
