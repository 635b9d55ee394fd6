"""Builds the operator's image from the repository's Dockerfile, unchanged, without pulling anything.

    archive = operator_image("cr.example.com/platform/harbor-operator:1")    # for KubeletNode.import_images

The inputs of the Dockerfile are provided locally, under the names that it uses:

- the bases of the build are one Debian with Python of the same releases, created by mmdebstrap;
- the base of the last stage has the Debian packages of the distroless image, extracted by mmdebstrap;
- Go comes from this machine and is mounted with its module and build caches, at the paths of the official image: the
  Dockerfile really builds helm, and reuses what the lab has compiled;
- the Python packages are downloaded first with this machine's pip settings. They are mounted together with a pip
  configuration without an index, so the settings enter neither the Dockerfile nor the image.

The build needs no network. A change of the operator's sources rebuilds the last layers only. A change of the Dockerfile
or of a lock rebuilds everything from the cached bases.

Modules: `bases` reads and creates the base images; `buildah` runs the build; `operator` combines both and caches the
result; `archive` reads it; `python -m lab.image_build` does the same for the Makefile. Requirements: Linux, root, and
apt; `operator.missing_requirement()` names what is missing.
"""
