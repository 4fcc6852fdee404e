# make demo              JupyterLab on a copy of the tour in build/demo/, with simulated providers
# make demo HEADLESS=1   the tour executed: its HTML, the notebook and the clips in build/demo/
# make test              every check and every test; installs what is missing, the browser too
# make quick             the offline unit tests alone
# make check             style, types, and which room may import which
# make screenshots       pictures of every view, light and dark, wide and narrow, in build/screenshots/
# make peers             what other libraries do with one lost reply, measured anew
# make bench             the benchmarks beside other libraries, in about a quarter of an hour
# make readme            the parts of the README that are made from the code
# make notebooks         the sample notebooks, run with simulated providers, with their outputs kept
#
# Everything is installed into .venv, and nowhere else; only the browser comes from the system's packages.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
DEMO   := build/demo
PEERS  := $(VENV)/peers/.installed
OLD_KERNEL := $(VENV)/share/jupyter/kernels/ipykernel-6/kernel.json
ROOT_OK = $(if $(filter 0,$(shell id -u)),--allow-root)

.DEFAULT_GOAL := install
.PHONY: install demo test check quick unit browser crash screenshots peers bench readme notebooks
.NOTPARALLEL: # two cores, and tests that look at the clock
# Images for containers often set it; hundreds of kernels and test processes would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

install: $(VENV)/.test
	@sed -n 's/^# make/make/p' Makefile

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo >&2 'vidgen_nb needs Python 3.11 or newer: make PYTHON=/path/to/python3.11'; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo >&2 'Python has no venv: apt-get install python3-venv'; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The stamps say what .venv has; a change of pyproject.toml makes them old.
$(VENV)/.lab: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q -e '.[lab]'
	@touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/python $(OLD_KERNEL)
	$(BIN)/python -m pip install -q -e '.[test]'
	@touch $(VENV)/.lab $@

# A second kernel for the tests, with the last ipykernel that had no subshells: many people still run it.
$(OLD_KERNEL): | $(BIN)/python
	$(BIN)/python -m pip install -q --no-deps --upgrade --target $(VENV)/ipykernel-6.31 'ipykernel==6.31.*'
	@mkdir -p $(@D)
	@printf '{"argv": ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "Python 3 (ipykernel 6)", "language": "python", "env": {"PYTHONPATH": "%s"}}\n' '$(CURDIR)/$(VENV)/ipykernel-6.31' > $@

# A copy of the notebooks: Jupyter saves what it opens, and those of the repository have their outputs checked.
demo: export VIDGEN_SIMULATE = 1
demo: export VIDGEN_SIMULATE_SPEED = 2
demo: export VIDGEN_HOME = $(CURDIR)/$(DEMO)/vidgen
ifdef HEADLESS
demo: $(VENV)/.lab
	rm -rf $(DEMO)
	mkdir -p $(DEMO)
	cp notebooks/00_tour.ipynb $(DEMO)
	$(BIN)/jupyter-nbconvert --to notebook --execute --inplace $(DEMO)/00_tour.ipynb
	$(BIN)/jupyter-nbconvert --to html $(DEMO)/00_tour.ipynb
else
demo: $(VENV)/.lab
	mkdir -p $(DEMO)
	cp notebooks/*.ipynb $(DEMO)
	$(BIN)/jupyter-lab $(ROOT_OK) $(DEMO)/00_tour.ipynb
endif

test: check unit browser

# Each of them has its say, before it fails.
check: $(VENV)/.test
	@failed=0; for step in 'ruff check' 'ruff format --check' mypy lint-imports; do \
		echo "$$step"; $(BIN)/$$step || failed=1; \
	done; exit $$failed

quick: $(VENV)/.test
	$(BIN)/pytest -q -n 2 -m 'not browser and not notebook and not slow and not hypothesis'

unit: $(VENV)/.test
	$(BIN)/pytest -n 6 --dist worksteal -m 'not browser'

# A process of their own: Playwright keeps an event loop running in it, where others want to start theirs.
browser: $(VENV)/.test
	$(BIN)/python tests/browser/chromium.py
	$(BIN)/pytest -n 2 --dist worksteal -m browser

# SIGKILL at every point that matters, five times as often as in `make test`.
crash: $(VENV)/.test
	CRASH_KILLS=200 $(BIN)/pytest tests/crash

screenshots: $(VENV)/.test
	$(BIN)/python tests/browser/chromium.py
	$(BIN)/python -m tests.browser.screenshots

# In an environment of their own: they would bring other versions of what this package needs.
$(PEERS): pyproject.toml | $(BIN)/python
	$(PYTHON) -m venv $(VENV)/peers
	$(VENV)/peers/bin/python -m pip install -q -e . fal-client replicate openai runwayml lumaai aiohttp
	@touch $@

peers: $(PEERS)
	$(VENV)/peers/bin/python -m tests.peers.measure

# One row of it: make bench ROWS=200. What cannot be installed is left out, and said so.
bench: $(VENV)/.test
	-@$(MAKE) --no-print-directory $(PEERS)
	-@$(BIN)/python tests/browser/chromium.py
	$(BIN)/python -m tests.benchmarks $(ROWS)

readme: $(VENV)/.test
	$(BIN)/python -m tests.house.readme

# One of them: make notebooks NAMES=06_prompt_iteration
notebooks: $(VENV)/.test
	$(BIN)/python -m tests.notebooks.running $(NAMES)
