"""An ingress controller for the real node: a real nginx, configured from the Ingress objects of one namespace.

    ingress = lab.kubelet.ingress("intra")       # listens at once, and answers 404 until an Ingress says otherwise
    ingress.url                                  # https://localhost:PORT, which is what a person would type
    mark = ingress.mark(); ingress.requests_since(mark)
    ingress.stop()

Hosts, paths, Services and the certificate come from the Ingress, as do the limit of a body and the Host header that
Harbor sees (`routes.ANNOTATIONS`). What the Ingress does not say is as ingress-nginx has it: bodies up to 1 MiB; 404,
with a certificate that nobody trusts, for an unknown host; 503 for a Service that is not there. Only TLS is served.

`routes` decides what leads where, `nginx_conf` writes it down, both pure; `controller` is the program that watches and
reloads; `front` is the lab's handle on it. nginx works in the network of the node, so that it reaches the addresses of
Services, with sockets that were made outside, so that the machine's loopback reaches it.
"""
