# Everything a person or a machine does with this checkout. `make` alone lists it.
# Only Python 3.11 or newer with venv, make and a package index are needed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
MODEL := src/info_assistant/providers/minilm_weights/manifest.json
PA11Y := build/pa11y/.installed
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header $(UPGRADE)
# More arguments for a command, such as: make test PYTEST="-k ingest", make up UP=--verbose
PYTEST ?=
UP ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install dev suites up test check format pages words bench bench-100k overload kills kills-ingestion kills-audit kills-ledger kills-wiped takeover chaos matrix rolling browser pictures mutate large bulk steady rebuild diagnosis grounding test-real-engine wheel engine lock clean verify-fresh

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## Install the product into .venv and build its embedding model

up: install ## Start everything; stays in the foreground, Ctrl-C stops it
	@$(BIN)/info-assistant up $(UP)

test: dev ## Run every test that this machine can run; the others are named with their reason
	$(BIN)/python -m pytest -rs $(PYTEST)

check: dev ## Check format, style, imports and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: dev ## Format the sources and mend what can be mended by itself
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

pages: dev ## Write the pages of docs/ that are made from the code
	$(BIN)/python -m scripts.describe_errors
	$(BIN)/python -m scripts.describe_addresses

words: dev ## Bring the catalogues of the web page up to date with its texts; name what is not translated
	$(BIN)/python -m scripts.update_words

bench: dev ## Measure the product; the results are kept as JSON
	$(BIN)/python benchmarks/run.py

bench-100k: dev ## The same with 100,000 passages (a long run)
	$(BIN)/python benchmarks/run.py --passages 100000

overload: dev ## Ask five times as many questions as can be answered, for a minute, three times
	$(BIN)/python benchmarks/overload.py --rounds 3

kills: dev ## Kill the local Qdrant 20 times while documents go in, and count what is left
	$(BIN)/python -m benchmarks.kills

kills-ingestion: suites ## Kill what documents pass on their way in 200 times, on a directory and on an S3 server
	$(BIN)/python -m benchmarks.ingestion_kills --storage directory
	$(BIN)/python -m benchmarks.ingestion_kills --storage s3

takeover: dev ## Kill a worker in the middle of a document; how long until another goes on
	$(BIN)/python benchmarks/takeover.py

kills-audit: dev ## Kill a busy backend 50 times and look for all it acknowledged in its audit trail
	$(BIN)/python -m benchmarks.audit_kills

kills-ledger: dev ## Kill a process that buys answers 200 times and compare its ledger with the providers'
	$(BIN)/python -m benchmarks.ledger_kills

kills-wiped: dev ## Kill a backend 50 times, wipe its disk, and count what of its bill is lost; rebuild totals
	$(BIN)/python -m benchmarks.wiped_kills

chaos: dev ## Break Redis, Qdrant and providers, one fault after the other, while twenty people ask (two hours)
	$(BIN)/python benchmarks/chaos.py

matrix: dev ## Try every fault with everything that the product depends on, and write docs/fault-matrix.md
	$(BIN)/python benchmarks/matrix.py

rolling: dev ## Restart two backends to a next version and back under constant use, and count
	$(BIN)/python benchmarks/rolling.py

browser: suites $(PA11Y) ## Look at every state of the web page in Debian's Chromium; axe-core and pa11y look for barriers
	$(BIN)/python -m benchmarks.web
	$(BIN)/python -m pytest benchmarks/browser -p no:randomly $(PYTEST)

pictures: suites $(PA11Y) ## Throw each mode and cause each P0 on this machine, and keep what readers see in docs/pictures
	$(BIN)/python -m pytest benchmarks/browser/test_modes.py -p no:randomly --pictures $(PYTEST)

mutate: dev ## Read 500 damaged files of each format in the parser's sandbox, and count how they end
	$(BIN)/python -m benchmarks.mutation

large: dev ## Take in a PDF of 300 pages and a text of 200 MB, and measure memory and speed
	$(BIN)/python -m benchmarks.reading
	$(BIN)/python -m benchmarks.large

bulk: dev ## Ingest a folder of 10,000 files, stopped once in the middle (a long run)
	$(BIN)/python -m benchmarks.bulk

steady: dev ## Ask known questions while half of a library comes in, and count which are answered anew
	$(BIN)/python -m benchmarks.steady

rebuild: dev ## Ask 100 questions, wipe Qdrant, rebuild it, and compare the answers
	$(BIN)/python -m benchmarks.rebuild

diagnosis: dev ## Break a real service, 24 cases, and see what `incident diagnose` makes of it
	$(BIN)/python -m benchmarks.diagnosis

grounding: dev ## Judge the check of written sentences by false ones and by true paraphrases
	$(BIN)/python -m benchmarks.grounding

test-real-engine: dev ## Run the whole path against a real OpenAI-compatible engine, where it can be installed
	@if $(PYTHON) -m venv build/engine && \
	    build/engine/bin/pip install --quiet --no-deps --require-hashes --requirement requirements/engine.txt; \
	then $(BIN)/python -m benchmarks.real_engine build/engine/bin/python; \
	else echo 'SKIPPED: the engine cannot be installed here, so NOTHING was tried against it.' >&2; fi

wheel: install ## Build the wheel, which carries the embedding model, into dist/
	rm -rf dist build/wheel
	$(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist .

engine: install ## Build the incident engine as one file, which runs without the product, into dist/
	$(BIN)/python scripts/build_engine.py

lock: dev ## Pin all dependencies with hashes again; UPGRADE=--upgrade takes newer ones
	$(LOCK) pyproject.toml -o requirements/run.txt
	$(LOCK) --extra ocr pyproject.toml -c requirements/run.txt -o requirements/ocr.txt
	$(LOCK) --extra route53 --extra tracing pyproject.toml -c requirements/run.txt -o requirements/image.txt
	$(LOCK) requirements/build.in -c requirements/run.txt -o requirements/build.txt
	$(LOCK) requirements/dev.in -c requirements/run.txt -c requirements/image.txt -c requirements/build.txt -o requirements/dev.txt
	$(LOCK) requirements/materials.in -c requirements/run.txt -c requirements/dev.txt -o requirements/materials.txt
	$(LOCK) requirements/suites.in -c requirements/run.txt -c requirements/dev.txt -o requirements/suites.txt

verify-fresh: ## Try the two commands in a fresh minimal Debian (needs podman, or debootstrap and root)
	scripts/verify_fresh.sh

clean: ## Remove what was built; your data/ stays
	rm -rf $(VENV) build dist src/info_assistant/providers/minilm_weights
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests scripts benchmarks samples -name __pycache__ -type d -prune -exec rm -rf {} +

include deploy/deploy.mk

dev: $(VENV)/.dev

suites: $(VENV)/.suites ## Install what long suites need beyond `make test`

# Stamps, so that a repeated `make up` starts at once.

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed; $(PYTHON) is older or missing." >&2; \
	  echo "Name another one: make install PYTHON=python3.12" >&2; exit 1; }
	@echo "Making $(VENV) …"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "Python cannot make a virtual environment here. On Debian: apt install python3-venv" >&2; exit 1; }

$(VENV)/.requirements: requirements/run.txt requirements/build.txt | $(VENV)/bin/python
	@echo "Installing pinned dependencies …"
	@$(PIP) install --require-hashes -r requirements/run.txt -r requirements/build.txt
	@touch $@

$(MODEL): scripts/build_model.py | $(VENV)/.requirements
	@echo "Building the embedding model …"
	@$(BIN)/python scripts/build_model.py
	@touch $@

$(VENV)/.installed: pyproject.toml $(VENV)/.requirements $(MODEL)
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.installed
	@echo "Installing what tests and checks need …"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

# From npm by the names and hashes of the lock file; no script of a package runs, and no browser is fetched.
$(PA11Y): requirements/pa11y/package.json requirements/pa11y/package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing. On Debian: apt install nodejs npm" >&2; exit 1; }
	@mkdir -p build/pa11y && cp $^ build/pa11y/
	@cd build/pa11y && npm ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

$(VENV)/.suites: requirements/suites.txt $(VENV)/.dev
	@echo "Installing what long suites need …"
	@$(PIP) install --require-hashes -r requirements/suites.txt
	@touch $@
