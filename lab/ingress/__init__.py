"""An ingress controller for the real node: a real nginx, configured from the Ingress objects of one namespace.

    ingress = lab.kubelet.ingress("intra")       # listens at once, and answers 404 until there is an Ingress
    ingress.url                                  # https://localhost:PORT
    mark = ingress.mark(); ingress.requests_since(mark)
    ingress.stop()

Hosts, paths, Services and certificates come from the Ingress objects. Annotations set the body size limit and the Host
header that Harbor receives (`routes.ANNOTATIONS`). The defaults are those of ingress-nginx: bodies up to 1 MiB; 404
with an untrusted certificate for an unknown host; 503 for a Service that does not exist. Only TLS is served.

Modules: `routes` (pure) computes hosts and routes; `nginx_conf` (pure) renders them; `watch` keeps the objects up to
date; `controller` is the program that reloads nginx; `front` starts it for the lab. nginx runs in the network namespace
of the node, so it reaches Service addresses. Its sockets are created outside, so clients on loopback reach it.
"""
