# Everything a fresh machine needs is git, make and Python 3.11 or newer with venv.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test test-oldest test-postgres-15 coverage lint docs bench bench-scale figures chaos disconnects load matrix purge moving growth uploads history thread-order newcomer screenshots golden requirements clean

demo: .venv/demo  ## a ChatKit server with a page, on an embedded PostgreSQL that keeps its data in .demo/
	$(BIN)/python examples/demo.py

# Much of a test's time is spent waiting for processes; those of one file stay together, for they share a database.
JOBS ?= 3
IN_PARALLEL := --numprocesses $(JOBS) --dist loadfile
test: .venv/test  ## every test, on embedded PostgreSQLs; ARGS="-k name" runs some, JOBS=0 in one process
	$(BIN)/python -m pytest $(IN_PARALLEL) --cov --cov-report= $(ARGS)

coverage: .venv/test  ## the branches of src that the last `make test` reached: all of them, or it fails
	$(BIN)/python -m coverage report

test-oldest: .venv-oldest/test  ## every test, with the oldest supported releases of what we depend on
	.venv-oldest/bin/python -m pytest $(IN_PARALLEL) $(ARGS)

POSTGRES_15 ?= /usr/lib/postgresql/15
test-postgres-15: .venv/test  ## every test, on the oldest supported PostgreSQL
	CHATKIT_PGSTORE_POSTGRES_BINARIES=$(POSTGRES_15) $(BIN)/python -m pytest $(IN_PARALLEL) $(ARGS)

lint: .venv/lint  ## style, types, the direction of imports, and the locks of migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports
	$(BIN)/python -m tests.migration.lint

docs: .venv/test  ## links, names and snippets of the documents; and the site of them, in site/
	$(BIN)/python -m pytest $(IN_PARALLEL) tests/unit/test_documents.py tests/unit/test_site.py tests/integration/test_snippets.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict

bench: .venv-bench/bench  ## what a call costs beside asyncpg, the network and other packages; ARGS="--only limits", ARGS=--quick, ARGS=--publish
	.venv-bench/bin/python benchmarks/bench.py $(ARGS)

bench-scale: .venv-bench/bench  ## what calls cost with 10,000 to 10,000,000 items, and what those take; ARGS="--items 1000000" for less
	.venv-bench/bin/python -m benchmarks.scale $(ARGS)

figures: .venv-bench/bench  ## tables and plots of the documents, anew from benchmarks/results
	.venv-bench/bin/python benchmarks/figures.py

chaos: .venv/test  ## ten minutes of calls, faults and cancellations; ARGS="--seed 7" repeats one, ARGS=--crashes is the crash proof
	$(BIN)/python -m tests.chaos $(ARGS)

disconnects: .venv/test  ## what is left of replies whose readers went away, for three ways of sending them
	$(BIN)/python benchmarks/disconnects.py $(ARGS)

load: .venv/test  ## a thousand conversations at once on a pool of ten, for five minutes; ARGS="--seconds 60" for less
	$(BIN)/python benchmarks/load.py $(ARGS)

matrix: .venv/test  ## every release of the SDK reads what every other one wrote; writes tests/data/sdk_documents
	$(BIN)/python -m tests.sdk_matrix

purge: .venv/test  ## delete 100,000 old threads while eight writers go on, and tell how long any of them waited
	$(BIN)/python benchmarks/purge.py $(ARGS)

moving: .venv/test  ## export | import of up to 10,000 threads, with the memory both take, and copies out of other stores
	$(BIN)/python benchmarks/moving.py $(ARGS)

growth: .venv/test  ## bytes of a row, commands of a turn, and both for a thousand to a hundred million users
	$(BIN)/python benchmarks/growth.py $(ARGS)

uploads: .venv/test  ## by how much the process grows that takes files of 20 MB, for files on disk and in the database
	$(BIN)/python benchmarks/uploads.py $(ARGS)

history: .venv/test  ## how long the example's API takes for 50 messages, with a thousand conversations for each user
	$(BIN)/python benchmarks/history.py $(ARGS)

thread-order: .venv/test  ## what the index for thread_order="updated_at" costs each append
	$(BIN)/python benchmarks/thread_order.py $(ARGS)

newcomer: .venv/test  ## seconds from a clean clone to the first answer on the page, in Chromium
	$(BIN)/python benchmarks/newcomer.py $(ARGS)

screenshots: .venv/test  ## docs/images, out of the example in Chromium
	$(BIN)/python -m tests.browser.screenshots

golden: .venv/test  ## write tests/golden (SQL, and what each call costs), and the page of the command, anew from the code
	$(BIN)/python -m tests.golden.update
	$(BIN)/python -m tests.support.command_page

COMPILE := $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-header --no-annotate
requirements: .venv/test  ## pin the newest releases within pyproject.toml's ranges
	$(INSTALL) uv
	$(COMPILE) pyproject.toml --group test --output-file requirements/test.txt
	$(COMPILE) pyproject.toml --group example --group server --constraints requirements/test.txt --output-file requirements/demo.txt
	$(COMPILE) pyproject.toml --group lint --constraints requirements/test.txt --output-file requirements/lint.txt
	$(COMPILE) pyproject.toml --extra cli --constraints requirements/test.txt --output-file requirements/runtime.txt
	$(COMPILE) pyproject.toml --group bench --constraints requirements/test.txt --output-file requirements/bench.txt
	$(COMPILE) pyproject.toml --extra cli --extra attachments --resolution lowest-direct --output-file requirements/oldest.txt

clean:  ## remove the environments; the demo's conversations in .demo/ stay
	rm -rf .venv .venv-oldest .venv-matrix .venv-bench site

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/demo: requirements/demo.txt pyproject.toml | .venv/bin/python
	$(INSTALL) --requirement requirements/demo.txt --editable .
	touch $@

.venv/test: requirements/test.txt pyproject.toml | .venv/bin/python
	$(INSTALL) --requirement requirements/test.txt --editable .
	touch $@

.venv/lint: requirements/lint.txt .venv/test
	$(INSTALL) --requirement requirements/lint.txt
	touch $@

# One that cannot be installed is named in the results, and keeps nobody from measuring the others.
PEERS := "openai-agents[sqlalchemy]" "langgraph-checkpoint-postgres psycopg[binary] psycopg-pool" community-agent-framework-postgres
IN_BENCH := .venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --constraint requirements/bench.txt
.venv-bench/bench: requirements/test.txt requirements/bench.txt pyproject.toml
	$(PYTHON) -m venv .venv-bench
	$(IN_BENCH) --requirement requirements/test.txt matplotlib uvloop --editable .
	for peer in $(PEERS); do $(IN_BENCH) $$peer || echo "not installed: $$peer"; done
	touch $@

.venv-oldest/test: requirements/test.txt requirements/oldest.txt pyproject.toml
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements/test.txt
	.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements/oldest.txt --editable .
	touch $@
