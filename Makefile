# Two commands for a newcomer: `make demo` and `make test`. `make check` is what CI runs before the tests.
SHELL := bash
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
DOCS_TOOLS := .docs-site
DOCS_STAMP := $(DOCS_TOOLS)/.installed
# `make check` includes the workflows where Go is installed; CI has a job for them.
ACTIONLINT := $(and $(wildcard tools/actionlint/go.mod),$(shell command -v go),actionlint)
export PYTHONPATH := operator
# No index or link lines: a lock names packages and hashes, never where to get them.
LOCK_FLAGS := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock"

# What the image says about itself. SOURCE_DATE_EPOCH is its time, so that a second build of a commit is the same.
IMAGE ?= harbor-operator:dev
IMAGE_BUILDER ?= docker
BUILDER := $(if $(filter lab,$(IMAGE_BUILDER)),$(BIN)/python -m lab.image_build,$(IMAGE_BUILDER))
IMAGE_SETUP := $(if $(filter lab,$(IMAGE_BUILDER)),setup)
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
export SOURCE_DATE_EPOCH
IMAGE_ARGUMENTS = --build-arg SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) \
	--build-arg CREATED=$$(date --utc --date=@$(SOURCE_DATE_EPOCH) +%Y-%m-%dT%H:%M:%SZ) \
	--build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null) --build-arg SOURCE=$(SOURCE) \
	--build-arg VERSION=$$(sed -n 's/^version = "\(.*\)"$$/\1/p' pyproject.toml)

# Not in the lock: it examines the lock, and needs the network anyway.
PIP_AUDIT := pip-audit@2.10.1

.DEFAULT_GOAL := help
.PHONY: help setup demo lab lab-down test unit fmt lint types contracts architecture bench chart crd docs check image lock clean \
	actionlint argocd audit changelog dist dist-files helpers image-reproducible image-size interpreters language pre-commit \
	push-chart release-notes sbom sign versions

help: ## Show this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

setup: $(STAMP) ## Make the virtual environment from the hashed lock
$(STAMP): requirements-dev.lock
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

demo: setup ## See the main job on an embedded lab of real servers (KEEP=1 leaves it running)
	@$(BIN)/python -m demo $(if $(KEEP),--keep)

lab: setup ## Start the lab for playing and print the KUBECONFIG line
	@$(BIN)/python -m lab up

lab-down: setup ## Remove the lab that `make lab` or `make demo KEEP=1` left
	@$(BIN)/python -m lab down

test: check ## Run every check and every test, on real servers (WORKERS=0: one after the other)
	$(BIN)/python -m pytest -n $(or $(WORKERS),auto) --dist loadfile --no-loadscope-reorder --ignore tests/guards

unit: setup ## Run the tests that need no server
	$(BIN)/python -m pytest tests/unit tests/guards -q

interpreters: setup ## Run the unit tests on every supported Python that this machine can have (TESTS="tests/unit tests/contract")
	$(BIN)/python -m lab.interpreters 3.11 3.13 3.14 -- -q $(or $(TESTS),tests/unit)

.PHONY: campaign
campaign: setup ## Change specs and servers at random, and check the rules of docs/reliability.md (CAMPAIGN_SEED=7, CAMPAIGN_CASES=60, CAMPAIGN_FULL=1: every case, REPLAY=file)
	@echo "CAMPAIGN_SEED=$(or $(CAMPAIGN_SEED),1)"
	$(if $(REPLAY),CAMPAIGN_REPLAY="$(abspath $(REPLAY))" )$(BIN)/python -m pytest -q \
		$(if $(REPLAY),,tests/campaign tests/contract/test_schema_differential.py) tests/e2e/test_campaign.py

fmt: setup ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only --quiet .

lint: setup ## Check the style of code and manifests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/yamllint --strict .

types: setup ## Check the types
	$(BIN)/mypy operator lab demo benchmarks tests tools

contracts: setup ## Check who may import whom
	$(BIN)/lint-imports

crd: setup ## Generate crds/ from the models
	$(BIN)/python -m harbor_operator crd > crds/harborregistries.yaml

chart: setup ## Generate the schema, the reference and the copies of the operator's Helm chart, and the template of `install`
	$(BIN)/python -m tools.generate_chart
	$(BIN)/python -m tools.generate_install

docs: setup ## Generate the reference pages from the code
	$(BIN)/python -m tools.generate_docs

versions: setup ## Run the tests of each server on its versions and record the results (VERSIONS="kubernetes-1.33 valkey-9.1")
	$(BIN)/python -m lab.version_runs $(VERSIONS)
	$(BIN)/python -m tools.generate_docs

argocd: setup ## Generate the patch of Argo CD's ConfigMap from the Lua files
	$(BIN)/python tools/argocd.py

.PHONY: docs-site
docs-site: setup $(DOCS_STAMP) ## Build the documentation site into site/, strict, and check its links (needs npm)
	$(BIN)/python -m tools.docs_site stage
	$(DOCS_TOOLS)/venv/bin/zensical build --strict --clean
	$(BIN)/python -m tools.docs_site check

$(DOCS_STAMP): requirements-docs.lock tools/docs-site/package-lock.json
	$(PYTHON) -m venv $(DOCS_TOOLS)/venv
	$(DOCS_TOOLS)/venv/bin/python -m pip install --quiet --require-hashes -r requirements-docs.lock
	cp tools/docs-site/.npmrc tools/docs-site/package*.json $(DOCS_TOOLS)/
	npm ci --silent --ignore-scripts --no-audit --no-fund --prefix $(DOCS_TOOLS)
	@touch $@

bench: setup ## Measure against the raw floor and other injectors (FULL=1: everything; CHURN=1: memory; BENCH_PEERS=dir)
	$(BIN)/python -m benchmarks $(if $(FULL),--full) $(if $(CHURN),--churn)

architecture: setup ## Check sizes, words, names, imports, ports and generated files
	$(BIN)/python -m pytest -q tests/guards

language: setup ## List the banned words of the repository, with their replacements
	@$(BIN)/python tools/language.py

helpers: setup ## List the short helpers with one caller, which may be worth inlining
	@$(BIN)/python tools/helpers.py

check: lint $(ACTIONLINT) types contracts architecture ## Every gate; `make test` begins with it

audit: setup ## Look up known vulnerabilities of every pinned dependency (needs the network; nightly in CI)
	$(BIN)/uv tool run $(PIP_AUDIT) --strict --disable-pip --requirement requirements.lock
	$(BIN)/uv tool run $(PIP_AUDIT) --strict --disable-pip --requirement requirements-dev.lock
	$(BIN)/uv tool run $(PIP_AUDIT) --strict --disable-pip --requirement requirements-docs.lock

image: $(IMAGE_SETUP) ## Build the operator's image (any OCI builder: IMAGE_BUILDER=buildah; without one: =lab; under a name of yours: IMAGE=...)
	$(BUILDER) build $(IMAGE_ARGUMENTS) $(IMAGE_FLAGS) -t $(IMAGE) .

sbom: $(IMAGE_SETUP) ## Write the contents of the image to dist/: sbom.cdx.json and licenses/
	@rm -rf dist/licenses dist/sbom.cdx.json
	$(BUILDER) build $(IMAGE_ARGUMENTS) $(SBOM_FLAGS) --target sbom --output type=local,dest=dist .

image-size: setup ## Print the sizes of the image of this checkout; fails above the limit (Debian as root; no container engine)
	@$(BIN)/python -m lab.image_build size $(IMAGE_FLAGS)

image-reproducible: setup ## Build the image twice and compare the layers (Debian as root; no container engine)
	@$(BIN)/python -m lab.image_build reproducible

dist: sbom dist-files ## Write the files of a release to dist/: install.yaml for IMAGE, the chart, kubectl-harbor, the SBOM, checksums

dist-files: setup ## The same without building: dist/ contains the output of `make sbom`
	@$(BIN)/python -m tools.release_files write --image $(IMAGE)

push-chart: setup ## Push the chart of dist/ to CHART_REGISTRY=oci://HOST/PATH and print its digest
	@$(BIN)/python -m tools.release_files push-chart $(CHART_REGISTRY)

sign: ## Sign IMAGE=NAME@sha256:... with the identity of the pipeline, or with a key: COSIGN_FLAGS="--key FILE"
	cosign sign --yes $(COSIGN_FLAGS) $(IMAGE)

actionlint: ## Check the workflows of .github (needs Go)
	cd tools/actionlint && go tool actionlint ../../.github/workflows/*.yaml

changelog: setup ## Build CHANGELOG.md from changelog.d for the version of the package
	$(BIN)/towncrier build --yes

release-notes: ## Print the changelog of VERSION; fails unless it is the version of the package
	@$(PYTHON) tools/release_notes.py "$(VERSION)"

pre-commit: setup ## Install the git hooks (needs pre-commit on PATH)
	pre-commit install

lock: setup ## Pin the dependencies again: for the image, its list of contents, development, and the documentation site
	$(BIN)/uv pip compile pyproject.toml $(LOCK_FLAGS) -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --group dev --constraint requirements.lock $(LOCK_FLAGS) -o requirements-dev.lock
	$(BIN)/uv pip compile --group pyproject.toml:docs --constraint requirements-dev.lock $(LOCK_FLAGS) -o requirements-docs.lock
	$(BIN)/uv pip compile --group sbom --constraint requirements-dev.lock $(LOCK_FLAGS) -o build/sbom/requirements.lock
	cd tools/docs-site && npm install --package-lock-only --ignore-scripts --no-audit --no-fund --silent

clean: ## Remove what was built here (the lab's cache stays)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis dist .cache $(DOCS_TOOLS) site
