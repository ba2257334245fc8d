# Each target works on a bare checkout: it needs Python 3.10+ and the package registries.
PYTHON ?= python3
VENV := venv
BIN := $(VENV)/bin
# What the warm engine must do as the stock CLI does, and how it ends.
WARM_FAULTS := $(addprefix tests/warm/test_,equality.py random_programs.py surroundings.py ends.py \
	interrupts.py other_threads.py callbacks.py)

.PHONY: setup serve test check faults bench bench-quick engine

serve: engine
	$(BIN)/gunicorn api:api

test: setup check
	$(BIN)/python -m pytest

# Every fault with all its rounds, and the table of them: most of an hour.
faults: setup
	rm -f docs/reliability.md
	$(BIN)/python -m pytest --whole tests/fuzz tests/faults $(WARM_FAULTS)

bench: setup
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -r requirements-bench.txt
	$(BIN)/python -m bench

# Within a minute: without the peer, growth and files.
bench-quick: setup
	$(BIN)/python -m bench --quick

check: $(VENV)/.complete
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python .ci/audit.py

setup: engine

engine: $(VENV)/.complete
	$(BIN)/python -m engine

$(VENV)/.complete: requirements.txt requirements.lock requirements-dev.txt requirements-dev.lock
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -r requirements-dev.txt
	touch $@
