# The operator's image: helm and the Python packages are built in stages that the final image does not contain.
# Build with any OCI builder: `make image` or `IMAGE_BUILDER=buildah make image`.

FROM docker.io/library/golang:1.26-bookworm AS helm
WORKDIR /src
COPY tests/lab/tools/helm/go.mod tests/lab/tools/helm/go.sum ./
RUN CGO_ENABLED=0 GOFLAGS="-mod=readonly -trimpath -buildvcs=false" go build \
    -ldflags "-s -w -X helm.sh/helm/v4/internal/version.version=$(go list -m -f '{{.Version}}' helm.sh/helm/v4)" \
    -o /out/helm helm.sh/helm/v4/cmd/helm

FROM docker.io/library/python:3.13-slim-bookworm AS python
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/operator \
 && /opt/operator/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY operator /opt/operator/src

FROM docker.io/library/python:3.13-slim-bookworm
COPY --from=helm /out/helm /usr/local/bin/helm
COPY --from=python /opt/operator /opt/operator
USER 65532:65532
ENV PATH=/opt/operator/bin:$PATH \
    PYTHONPATH=/opt/operator/src \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
ENTRYPOINT ["python", "-m", "harbor_operator"]
CMD ["run"]
