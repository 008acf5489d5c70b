# Needs Python >= 3.11 with venv, and make; everything else is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
export STARSIEVE_DATA ?= ../shared/data
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: setup demo test lint networks bench lock image check-image check-deploy

setup: .venv/run

.venv/run: requirements/run.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(PIP) --require-hashes -r requirements/run.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

.venv/dev: requirements/dev.txt .venv/run
	$(PIP) --require-hashes -r requirements/dev.txt
	touch $@

.venv/demo: requirements/demo.txt .venv/run
	$(PIP) --require-hashes -r requirements/demo.txt
	touch $@

# make demo SURVEY=lsst: Rubin's alerts
SURVEY ?= ztf
demo: .venv/demo
	$(BIN)/starsieve demo --survey $(SURVEY)

# In two processes, each with servers of its own; kernels are compiled once, before. One part: see CONTRIBUTING.md.
test: .venv/dev
	$(BIN)/python -m starsieve.broker.warmup
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Rebuilds every network in models/weights from the real data.
networks: .venv/dev
	$(BIN)/starsieve models build
	$(BIN)/python -m starsieve.broker.tools.known

# The speed of everything, on this machine: a quarter of an hour, with nothing beside it. Kafka on Java, and Valkey.
bench: .venv/dev
	$(BIN)/starsieve bench features
	$(BIN)/python -m tests.benchmarks.stages
	$(BIN)/python -m tests.benchmarks.mature
	$(BIN)/python -m tests.benchmarks.networks
	$(BIN)/python -m tests.benchmarks.stream
	$(BIN)/python -m tests.benchmarks.stream --workers 2
	$(BIN)/python -m tests.benchmarks.stream --epochs 100 --days 300
	$(BIN)/python -m tests.benchmarks.stream --pattern steady
	$(BIN)/python -m tests.benchmarks.stream --pattern rubin --workers 2 --objects 10000

# The container image; DOCKER_BUILD passes more to the build, e.g. another base or processor (see the Dockerfile).
image:
	docker build --file deploy/Dockerfile --tag starsieve:latest \
	  --build-arg VERSION=$$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml) \
	  --build-arg REVISION=$$(git rev-parse HEAD) $(DOCKER_BUILD) .

# Runs the image as a cluster would, against real Kafka and Valkey.
check-image: .venv/dev .venv/deploy/done
	$(BIN)/python -m deploy.check_image

# Everything under deploy/ that needs no container engine. The tools are in a venv of their own.
check-deploy: .venv/dev .venv/deploy/done
	$(BIN)/python -m pytest tests/deploy
	.venv/deploy/bin/python -m deploy.check

.venv/deploy/done: requirements/deploy.txt
	$(PYTHON) -m venv .venv/deploy
	.venv/deploy/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/deploy.txt
	touch $@

# Pins every requirement with its hashes; needs uv. Index addresses are left out on purpose.
lock:
	uv pip compile pyproject.toml --group build --extra stream --universal --generate-hashes --no-emit-index-url --quiet --custom-compile-command "make lock" -o requirements/run.txt
	uv pip compile pyproject.toml --group build --extra demo --constraint requirements/run.txt --universal --generate-hashes --no-emit-index-url --quiet --custom-compile-command "make lock" -o requirements/demo.txt
	uv pip compile pyproject.toml --group build --extra dev --constraint requirements/run.txt --universal --generate-hashes --no-emit-index-url --quiet --custom-compile-command "make lock" -o requirements/dev.txt
	uv pip compile --group pyproject.toml:deploy --universal --generate-hashes --no-emit-index-url --quiet --custom-compile-command "make lock" --python-version 3.11 -o requirements/deploy.txt
