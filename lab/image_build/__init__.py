"""The operator's image, built from the repository's Dockerfile as it is shipped, without pulling anything.

    archive = operator_image("cr.example.com/platform/harbor-operator:1")    # for KubeletNode.import_images

What the Dockerfile takes from outside is put in its way under the names it uses itself:

- its two bases are one Debian with Python of the same releases, made by mmdebstrap;
- Go is this machine's, mounted with its module and build caches where the official image has them: the Dockerfile
  really builds helm, yet nothing is compiled again that the lab has compiled for itself;
- the Python packages are fetched beforehand with this machine's own settings of pip, which so enter neither the
  Dockerfile nor the image, and are mounted together with a configuration that knows no index.

The build itself needs no network. A change of the operator's sources costs its last layers; one of the Dockerfile or of
a lock costs a build from the bases, which are kept.

The map: `bases` reads what the Dockerfile stands on and makes it; `buildah` builds; `operator` puts both together and
keeps the result in the lab's cache. It needs Linux, root, and apt; `operator.obstacle()` says what is missing.
"""
