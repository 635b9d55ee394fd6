# The operator's image for linux/amd64 and linux/arm64: `make image` with any OCI builder (`IMAGE_BUILDER=buildah`).
# Every stage with a command runs on the architecture of the builder and produces files for TARGETARCH, so that a build
# for another architecture needs no emulation. Where a registry is out of reach, give all bases from elsewhere:
# `--build-arg GO_IMAGE=... --build-arg PYTHON_IMAGE=... --build-arg RUNTIME_IMAGE=...`.

ARG GO_IMAGE=docker.io/library/golang:1.26-trixie
ARG PYTHON_IMAGE=docker.io/library/python:3.13-slim-trixie
ARG RUNTIME_IMAGE=gcr.io/distroless/python3-debian13:nonroot

# Only the files of this stage are read; nothing runs in it. It is the first one, because buildah 1.28 takes the platform of
# a stage for those after it.
FROM ${RUNTIME_IMAGE} AS runtime

FROM --platform=$BUILDPLATFORM ${GO_IMAGE} AS helm
ARG TARGETARCH
ENV CGO_ENABLED=0 GOFLAGS="-mod=readonly -trimpath -buildvcs=false"
WORKDIR /src/sbom
COPY build/sbom/go.mod build/sbom/go.sum ./
RUN go build -o /usr/local/bin/ github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
WORKDIR /src/helm
COPY build/helm/go.mod build/helm/go.sum ./
RUN GOARCH="$TARGETARCH" go build \
    -ldflags "-s -w -X helm.sh/helm/v4/internal/version.version=$(go list -m -f '{{.Version}}' helm.sh/helm/v4)" \
    -o /out/helm helm.sh/helm/v4/cmd/helm
# The licence texts of the modules that are compiled into helm, and of Go's own library. The modules are in the cache,
# verified by go.sum; cyclonedx-gomod looks them up outside of this folder, where only GOSUMDB would verify them again.
RUN GOSUMDB=off cyclonedx-gomod bin -json -std -licenses -assert-licenses -noserial -output /out/helm.cdx.json /out/helm \
 && mkdir -p "/out/licenses/std@$(go env GOVERSION)" \
 && cp "$(go env GOROOT)/LICENSE" "/out/licenses/std@$(go env GOVERSION)/" \
 && GOARCH="$TARGETARCH" go list -deps -f '{{with .Module}}{{.Path}}@{{.Version}} {{.Dir}}{{end}}' helm.sh/helm/v4/cmd/helm \
    | sort -u | while read -r module folder; do \
      mkdir -p "/out/licenses/$module"; \
      find "$folder" -maxdepth 1 -type f -regextype posix-extended \
        -regex '.*/(LICEN[CS]E|COPYING|NOTICE|COPYRIGHT|PATENTS)[^/]*' -exec cp {} "/out/licenses/$module/" ';'; \
    done

# The base without what Python never loads: the character set converters of the C library (16 MiB on arm64, where Debian
# aligns each of its 250 converters to 64 KiB; Python has its own), and the parts of the standard library for development.
FROM --platform=$BUILDPLATFORM ${PYTHON_IMAGE} AS base
COPY --from=runtime / /base
RUN cd /base/usr/lib && rm -r *-linux-gnu/gconv \
 && cd python3.13 && rm -rf ensurepip idlelib lib2to3 pydoc_data test tkinter turtledemo venv

FROM --platform=$BUILDPLATFORM ${PYTHON_IMAGE} AS packages
ARG TARGETARCH
ENV PYTHONHASHSEED=0
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/build \
 && case "${TARGETARCH:-$(uname -m)}" in \
      amd64 | x86_64) machine=x86_64 ;; \
      arm64 | aarch64) machine=aarch64 ;; \
      *) echo "there are no packages for the architecture '$TARGETARCH'" >&2; exit 1 ;; \
    esac \
 && /opt/build/bin/pip install --no-cache-dir --no-compile --require-hashes --only-binary=:all: --no-deps \
    $(seq --format="--platform=manylinux_2_%g_$machine" 17 41) --target /opt/operator/lib -r requirements.lock
# Compiled here, because the root file system of the pod is read-only: otherwise every start would compile it again.
COPY tools/image_packages.py ./
RUN python image_packages.py /opt/operator/lib \
 && python -m compileall -q --invalidation-mode unchecked-hash /opt/operator/lib
# The same for the standard library, which the base has without compiled files.
COPY --from=base /base/usr/lib/python3.13 /runtime/usr/lib/python3.13
RUN python -m compileall -q --invalidation-mode unchecked-hash -s /runtime /runtime/usr/lib/python3.13 \
 && find /runtime ! -type d ! -name '*.pyc' -delete \
 && find /runtime -type d -empty -delete \
 && chmod -R u=rwX,go=rX /opt/operator /runtime

FROM packages AS documents
ARG SOURCE_DATE_EPOCH=0
COPY build/sbom/requirements.lock ./sbom.lock
RUN /opt/build/bin/pip install --no-cache-dir --require-hashes -r sbom.lock
COPY --from=runtime /var/lib/dpkg /runtime/var/lib/dpkg
COPY --from=helm /out/helm.cdx.json ./
COPY --from=helm /out/licenses /out/licenses/go
COPY LICENSE NOTICE /out/
COPY operator/harbor_operator/__init__.py tools/image_documents.py ./
RUN printf '#!/bin/sh\nPYTHONPATH=/opt/operator/lib exec python "$@"\n' > image-python && chmod +x image-python \
 && /opt/build/bin/cyclonedx-py environment -S --output-reproducible -o python.cdx.json ./image-python \
 && /opt/build/bin/python image_documents.py --version-of __init__.py --python python.cdx.json --go helm.cdx.json \
    --debian /runtime/var/lib/dpkg --packages /opt/operator/lib --output /out \
 && chmod -R u=rwX,go=rX /out

# `make sbom` takes the list of contents and the licence texts from here.
FROM scratch AS sbom
COPY --from=documents /out /

FROM --platform=$BUILDPLATFORM ${PYTHON_IMAGE} AS operator
ENV PYTHONHASHSEED=0
COPY operator /opt/operator/src
RUN python -m compileall -q --invalidation-mode unchecked-hash /opt/operator/src \
 && chmod -R u=rwX,go=rX /opt/operator/src

FROM scratch
COPY --from=base /base /
ENV PATH=/usr/local/bin:/usr/bin \
    LANG=C.UTF-8 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    PYTHONPATH=/opt/operator/src:/opt/operator/lib \
    PYTHONSAFEPATH=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# From what changes seldom to what changes always: a new version of the operator is a small layer.
COPY --from=packages /runtime/usr/lib /usr/lib
COPY --from=helm /out/helm /usr/local/bin/helm
COPY --from=packages /opt/operator/lib /opt/operator/lib
COPY --from=documents /out /usr/share/doc/harbor-operator
COPY --from=operator /opt/operator/src /opt/operator/src
# A number, so that the kubelet can check `runAsNonRoot`. Any other user works too: every file is readable for all.
USER 65532:65532
WORKDIR /
ENTRYPOINT ["/usr/bin/python3", "-m", "harbor_operator"]
CMD ["run"]
ARG CREATED=""
ARG REVISION=""
ARG SOURCE=""
ARG VERSION=""
LABEL org.opencontainers.image.title="harbor-operator" \
      org.opencontainers.image.description="Kubernetes operator for the Harbor registry" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.created="$CREATED" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.source="$SOURCE" \
      org.opencontainers.image.version="$VERSION"
