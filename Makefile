# Each target works on a bare checkout: it needs Python 3.10+ and the package registries.
PYTHON ?= python3
VENV := venv
BIN := $(VENV)/bin
# How many tests run side by side: they also wait. With more on two cores all of it takes longer.
TEST_WORKERS ?= 5
# Those of a file run in one process, and share what it starts; files come in the order given.
# One that dies would be given the same test again and again.
SPREAD := --numprocesses $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder --max-worker-restart 0
# The rounds compute all the while, and the stock CLI has deadlines.
WHOLE := $(BIN)/python -m pytest --whole -o faulthandler_timeout=0 --numprocesses 3
# What the warm engine must do as the stock CLI does, and how it ends.
WARM_FAULTS := $(addprefix tests/warm/test_,equality.py random_programs.py surroundings.py ends.py \
	interrupts.py other_threads.py callbacks.py)

# Where none may be written, each of hundreds of processes compiles all modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: serve test unit lint audit setup faults bench bench-quick spike pictures wheel

serve:
	$(PYTHON) -m setup serving
	$(BIN)/gunicorn api:api

# What fails beside others runs once more by itself, so that no change is stopped by a busy machine;
# an end of another kind is one.
test: lint audit
	$(BIN)/python -m pytest --cache-clear $(SPREAD) || \
		{ test $$? -eq 1 && $(BIN)/python -m pytest --last-failed --last-failed-no-failures none -r A; }

# What answers within a minute.
unit: lint
	$(BIN)/python -m pytest $(SPREAD) tests/unit tests/infra/unit

setup:
	$(PYTHON) -m setup testing

# Every fault with all its rounds, what takes long elsewhere, and the table of them: two hours.
faults: setup
	rm -f docs/reliability.md
	$(WHOLE) tests/fuzz tests/faults $(WARM_FAULTS)
	$(WHOLE) -m slow tests/e2e tests/infra tests/migrations tests/portal

bench: setup
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -r requirements-bench.txt
	$(BIN)/python -m bench

# Within a minute: without the peer, growth and files.
bench-quick: setup
	$(BIN)/python -m bench --quick

# What docs/capacity.md shows: a minute of load, its alert, and the workers that follow.
spike: setup
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -r requirements-bench.txt
	$(BIN)/python -m bench.spike

# What docs/portal/ shows of the portal.
pictures: setup
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -r requirements-bench.txt
	$(BIN)/python -m tests.portal.pictures

# `warm_pulumi` for others, into dist/: with the executables in it, and without. For another machine
# than this one: `make wheel MACHINE=aarch64`.
wheel: setup
	$(BIN)/python -m warm_wheel $(MACHINE)

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

audit: setup
	$(BIN)/python .ci/audit.py
