# Everything a user or a developer runs; each target sets up what it needs.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
UV_LOCK := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 \
  --generate-hashes --no-emit-index-url --no-header --no-annotate

.PHONY: help setup demo test lint soak benchmark docs sbom audit wheelhouse wheelhouse-light container lock clean
help:
	@echo "make demo       segment the example scans into out/"
	@echo "make test       lint, then every test: about 10 minutes on two idle cores"
	@echo "make lint       ruff, mypy, import-linter"
	@echo "make soak       kills, full disks, bombs, fuzzing: takes long"
	@echo "make benchmark  speed as ratios, into benchmarks/"
	@echo "make docs       renew the generated pages and tables"
	@echo "make sbom       list everything that is installed, as CycloneDX, in sbom.json"
	@echo "make audit DB=  check requirements.lock against a dump of known vulnerabilities"
	@echo "make wheelhouse download everything that an offline installation needs"
	@echo "make wheelhouse-light  the same, for nodes that only segment"
	@echo "make container  build the containers and segment in them, where podman or docker runs"
	@echo "make lock       renew requirements.lock and requirements-light.lock"
	@echo "make clean      remove .venv and what was built"

setup: $(VENV)/.ready

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(VENV)/.ready
	$(BIN)/busicli segment-dir examples/scans out
	@echo
	@echo "Open out/report.html in a browser to see each scan with its contours."
	@echo "Masks are in out/masks/, measurements in out/lesions.csv, one row a scan in out/manifest.jsonl."

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	@echo "Running every test: about 10 minutes on two idle cores, longer on busy ones."
	$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist worksteal

soak: $(VENV)/.ready
	$(BIN)/pytest tests/soak

benchmark: $(VENV)/.ready
	$(BIN)/python -m tests.benchmarks

docs: $(VENV)/.ready
	$(BIN)/python -m typer busicli.cli.app utils docs --name busicli --output docs/reference/commands.md
	$(BIN)/python tools/settings.py
	$(BIN)/python tools/layers.py

sbom: $(VENV)/.ready
	$(PYTHON) -m venv build/sbom
	build/sbom/bin/pip install --quiet --disable-pip-version-check cyclonedx-bom
	build/sbom/bin/cyclonedx-py environment $(BIN)/python --pyproject pyproject.toml \
	  --output-reproducible --of JSON -o sbom.json

audit: $(VENV)/.ready
	$(BIN)/python tools/audit.py $(DB)

wheelhouse: LOCK := requirements.lock
wheelhouse: INSTALL := 'busicli[train]'
wheelhouse-light: LOCK := requirements-light.lock
wheelhouse-light: INSTALL := --no-compile busicli
wheelhouse wheelhouse-light: $(VENV)/.ready
	$(BIN)/pip download --quiet --disable-pip-version-check --require-hashes -r $(LOCK) --dest $@
	rm -f $@/busicli-*
	$(BIN)/pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation \
	  --wheel-dir $@ .
	@echo "Copy $@/ to the machine without a network and run there:"
	@echo "  python3.11 -m venv busicli"
	@echo "  busicli/bin/pip install --no-index --find-links $@ $(INSTALL)"

container:
	sh tools/container.sh

lock: $(VENV)/.ready
	$(BIN)/pip install --quiet --disable-pip-version-check uv
	$(UV_LOCK) --extra dev -o requirements.lock
	$(UV_LOCK) -c requirements.lock -o requirements-light.lock

clean:
	rm -rf $(VENV) build sbom.json wheelhouse wheelhouse-light *.egg-info
