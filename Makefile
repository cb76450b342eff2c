# make run | test | check | bench | evaluate | format   (each sets up what it needs first)
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
UV := $(shell command -v uv 2>/dev/null)
# Some containers set it: each process would then compile anew what it imports, 2 to 6 s of CPU at every start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup run test check bench evaluate format replay train requirements

setup: $(STAMP)

$(STAMP): requirements.txt requirements-dev.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
ifdef UV
	@uv pip install --quiet --python $(BIN)/python -r requirements-dev.txt
else
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
endif
	@touch $(STAMP)

run: setup
	@DOORBELL_DEMO=$${DOORBELL_DEMO:-full} $(BIN)/python -m app

test: setup
	@npm install --silent --no-audit --no-fund --prefix tests/node >/dev/null 2>&1 || echo "NODE IS MISSING: the Socket.IO client tests will be skipped"
	@$(BIN)/python -m pytest

check: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: setup
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: setup
	@$(BIN)/python -m bench

evaluate: setup
	@$(BIN)/python -m bench.evaluate $(ARGS)

train: setup
	@$(BIN)/python -m bench.train

replay: setup
	@$(BIN)/python -m app replay $(ARGS)

requirements:
	@uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url requirements.in -o requirements.txt
	@uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url requirements-dev.in -o requirements-dev.txt
