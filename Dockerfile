# The operator's image: helm and the Python packages are built in stages that the final image does not contain.
# Build with any OCI builder: `make image` or `make image IMAGE_BUILDER=buildah`. Where Docker Hub is out of reach, give both
# bases from elsewhere: `--build-arg GO_IMAGE=... --build-arg PYTHON_IMAGE=...`.

ARG GO_IMAGE=docker.io/library/golang:1.26-trixie
ARG PYTHON_IMAGE=docker.io/library/python:3.13-slim-trixie

FROM ${GO_IMAGE} AS helm
WORKDIR /src
COPY build/helm/go.mod build/helm/go.sum ./
RUN CGO_ENABLED=0 GOFLAGS="-mod=readonly -trimpath -buildvcs=false" go build \
    -ldflags "-s -w -X helm.sh/helm/v4/internal/version.version=$(go list -m -f '{{.Version}}' helm.sh/helm/v4)" \
    -o /out/helm helm.sh/helm/v4/cmd/helm

FROM ${PYTHON_IMAGE} AS python
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/operator \
 && /opt/operator/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY operator ./operator
# Compiled here, because the root file system of the pod is read-only: otherwise every start would compile it again.
RUN python -m compileall -q --invalidation-mode unchecked-hash operator

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="harbor-operator" \
      org.opencontainers.image.description="Kubernetes operator for the Harbor registry" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/opt/operator/bin:$PATH \
    PYTHONPATH=/opt/operator/src \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# From what changes seldom to what changes always: a new version of the operator is a small layer.
COPY --from=helm /out/helm /usr/local/bin/helm
COPY --from=python /opt/operator /opt/operator
COPY --from=python /src/operator /opt/operator/src
USER 65532:65532
ENTRYPOINT ["python", "-m", "harbor_operator"]
CMD ["run"]
