# `make` lists the targets. Each sets up what it needs in $(VENV), once, and again when a lock changes.
#
#   ARGS    passed on to the command:   make serve ARGS="--port 8001"
#   PYTHON  makes the environment:      make test PYTHON=python3.12 VENV=.venv-3.12

VENV ?= .venv
ARGS ?=
GRAPHIQL = graphql_api/graphiql/build.py
PYTHONS = $(or $(PYTHON),python3.13 python3.12 python3.11 python3)

export PIP_DISABLE_PIP_VERSION_CHECK = 1
# What is compiled is kept: the tests start many processes, and each would compile all it imports.
export PYTHONDONTWRITEBYTECODE =

.DELETE_ON_ERROR:
.PHONY: help serve graphiql client test test-long test-delayed newest simulate simulate-bugs bench bench-jobs bench-results bench-live soak rolling attack fuzz shots check release format schema proto lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# GraphiQL is built beside the server, which never waits for it: the shell becomes the server, and the
# build ends at the latest when its parent does.
serve: $(VENV)/.run ## run the server; ARGS="--demo" makes changes to watch, ARGS="--help" lists the settings
	@$(VENV)/bin/python $(GRAPHIQL) --beside $$$$ & exec $(VENV)/bin/graphql-api serve $(ARGS)

graphiql: $(VENV)/bin/pip ## build GraphiQL's page, which needs npm; `make serve` does it too
	@$(VENV)/bin/python $(GRAPHIQL)

client: schema ## pack the client package for npm as it would be published, into dist/
	@mkdir -p dist && npm pack --silent --pack-destination dist ./clients/javascript

# A process for each core, which takes over tests of another one when it has none left.
test: $(VENV)/.dev ## run the tests; ARGS="-k name" selects, ARGS="--database rethinkdb://…" uses that server
	@$(VENV)/bin/pytest -m "not long" -n auto --maxprocesses 4 --dist worksteal $(ARGS)

# The tests of a file share what takes long to make, so they stay together.
test-long: $(VENV)/.dev ## run the tests that take long, and those of properties with all their examples
	@$(VENV)/bin/pytest -m "long or hypothesis" --thorough -n auto --maxprocesses 2 --dist loadfile $(ARGS)

# They wait most of the time.
test-delayed: $(VENV)/.dev ## run the tests of a database, whose answers come up to 0.2 s late
	@$(VENV)/bin/pytest -m "not long" --delayed -n 8 --dist worksteal $(ARGS)

NEWEST = uvicorn starlette websockets
newest: $(VENV)/.dev ## run the transport's tests on the newest releases of uvicorn, starlette and websockets
	@$(VENV)/bin/python -m venv --clear $(VENV)/newest
	@$(VENV)/newest/bin/pip install --quiet --require-hashes --requirement tests/requirements.lock
	@$(VENV)/newest/bin/pip install --quiet --no-deps --no-build-isolation --editable .
	@$(VENV)/newest/bin/pip install --quiet --no-deps --upgrade $(NEWEST)
	@$(VENV)/newest/bin/pip list 2>/dev/null | grep -E "^($$(echo $(NEWEST) | tr ' ' '|')) "
	@$(VENV)/newest/bin/pytest tests/unit/server tests/server/transport tests/conformance $(ARGS)

simulate: $(VENV)/.dev ## run stories on a simulated clock and network; ARGS="--seeds 10000", ARGS="--seed 7"
	@$(VENV)/bin/python -m tests.simulation $(ARGS)

simulate-bugs: $(VENV)/.dev ## plant bugs one by one, each of which the simulation must find; ARGS=--search tries all stories
	@$(VENV)/bin/python -m tests.simulation --bugs $(ARGS)

bench: $(VENV)/.dev ## measure this server and its peers in one run; ARGS=fanout selects
	@$(VENV)/bin/python -m tests.benchmarks $(ARGS)

bench-jobs: $(VENV)/.dev ## measure a job that changes all the time, paced and not; ARGS=20 is for 20 s, not 60
	@$(VENV)/bin/python -m tests.benchmarks.jobs $(ARGS)

bench-results: $(VENV)/.dev ## follow 100 000 responses by 100 subscribers; ARGS="10000 20" takes fewer
	@$(VENV)/bin/python -m tests.benchmarks.responses $(ARGS)

bench-live: $(VENV)/.dev ## measure when /live shows the first of thousands of rows, and what holds it up; ARGS=10000
	@$(VENV)/bin/python -m tests.browser.paint $(ARGS)

soak: $(VENV)/.dev ## watch memory and descriptors under load for ten minutes; ARGS="--minutes 60"
	@$(VENV)/bin/python -m tests.soak $(ARGS)

rolling: $(VENV)/.dev ## replace servers under load, and count the clients that notice; ARGS="--restarts 50 --signal KILL"
	@$(VENV)/bin/python -m tests.rolling $(ARGS)

attack: $(VENV)/.dev ## send a server of its own the worst that is allowed, and see what others notice; ARGS=reader selects
	@$(VENV)/bin/python -m tests.attacks $(ARGS)

fuzz: $(VENV)/.dev ## look for what breaks a parser or HTTP, five minutes for each; on Linux
	@$(VENV)/bin/pip install --quiet 'atheris>=3' 'schemathesis>=4.32'
	@for target in messages frames http; do \
		$(VENV)/bin/python -m tests.fuzz $$target $(ARGS) || exit; \
	done

shots: $(VENV)/.dev ## take pictures of /live in each of its states; ARGS="--folder FOLDER dark" selects
	@$(VENV)/bin/python -m tests.browser.shots $(ARGS)

check: $(VENV)/.dev ## check format, lint, types, imports, schema.graphql and what is made of it
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/graphql-api schema --check
	@$(VENV)/bin/python clients/generate.py --check
	@$(VENV)/bin/python -m tests.protobuf_code --check
	@$(VENV)/bin/pytest --quiet tests/unit/test_imports.py tests/unit/test_breaking_changes.py

# hatchling takes what git would give out, and GraphiQL's page.
release: $(VENV)/.dev ## build the tagged version into dist/, with checksums; ARGS=--cut writes its CHANGELOG section
	@$(VENV)/bin/python -m tests.release $(ARGS)
ifneq ($(ARGS),--cut)
	@$(VENV)/bin/python $(GRAPHIQL)
	@rm -rf dist && mkdir dist
	@$(VENV)/bin/hatchling build --directory dist
	@npm pack --silent --pack-destination dist ./clients/javascript
	@cd dist && sha256sum *.whl *.tar.gz *.tgz > SHA256SUMS && cat SHA256SUMS
endif

format: $(VENV)/.dev ## format the code and fix what ruff can fix
	@$(VENV)/bin/ruff format .
	@$(VENV)/bin/ruff check --fix .

schema: $(VENV)/.run ## write schema.graphql from the code, and the client package's parts from that
	@$(VENV)/bin/graphql-api schema > schema.graphql.new && mv schema.graphql.new schema.graphql
	@$(VENV)/bin/python clients/generate.py

proto: $(VENV)/.dev ## write what is made of starbelly.proto
	@$(VENV)/bin/python -m tests.protobuf_code

# Compiled by the oldest Python that is supported: what it resolves, the newer ones can install.
COMPILE = CUSTOM_COMPILE_COMMAND="make lock" $(VENV)/pip-tools/bin/pip-compile --quiet --strip-extras \
	--generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
	--build-deps-for=editable --allow-unsafe
lock: ## write both locks from pyproject.toml; ARGS=--upgrade takes the newest versions
	@$(or $(PYTHON),python3.11) -m venv $(VENV)/pip-tools
	@$(VENV)/pip-tools/bin/pip install --quiet pip-tools==7.6.2
	@$(COMPILE) $(ARGS) --output-file=requirements.lock pyproject.toml
	@$(COMPILE) $(ARGS) --extra=dev --extra=otel --constraint=requirements.lock \
		--output-file=tests/requirements.lock pyproject.toml

clean: ## remove the environment and every cache
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist graphql_api/graphiql/dist
	@find graphql_api tests -type d -name __pycache__ -prune -exec rm -rf {} +

# pip is what `python -m venv` makes last, so an interrupted set-up is taken up again.
$(VENV)/bin/pip:
	@for python in $(PYTHONS); do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "Making $(VENV) with $$($$python --version)"; \
			exec $$python -m venv $(VENV); \
		fi; \
	done; \
	echo "Python 3.11 or newer is needed, and none of these is: $(PYTHONS). Name one: make PYTHON=/path/to/python" >&2; \
	exit 1

# Serving needs a quarter of what testing needs; on a slow network that is a minute's difference.
$(VENV)/.run: requirements.lock pyproject.toml | $(VENV)/bin/pip
	$(install)

$(VENV)/.dev: tests/requirements.lock pyproject.toml | $(VENV)/bin/pip
	$(install)

define install
	@echo "Installing $< into $(VENV)"
	@$(VENV)/bin/pip install --quiet --require-hashes --requirement $<
	@$(VENV)/bin/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
endef
