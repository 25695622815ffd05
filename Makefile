# The house in commands. A fresh machine needs Python 3.13, git and make; .venv is made from requirements.lock.
PYTHON ?= python3
BIN := .venv/bin
# A file's tests stay together: they share what it made. One thread each, for two of them work at once.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --dist loadfile

.PHONY: help setup report dashboards test test-all browser lab lint lock sample clean
help:            ## what one can type here
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

setup: .venv/ready   ## the environment, from requirements.lock

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' \
	  || { echo "barberlab needs Python 3.13; 'make PYTHON=/path/to/python3.13' names one"; exit 2; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps --editable .
	$(BIN)/python -m warmkernel install --sys-prefix
	$(BIN)/python -c 'from barberlab.models.compiled import compile_all; compile_all()'
	@touch $@

report: setup    ## the main job: sample networks in, published reports out
	$(BIN)/barberlab sample
	$(BIN)/barberlab run --all

dashboards: setup  ## published pages and live ones behind their gate, on 127.0.0.1
	$(BIN)/barberlab serve --sample-users

test: setup      ## the quick suite, with the notebooks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(PYTEST) -n 2

test-all: setup  ## the quick suite and the slow one
	$(PYTEST) -n 2 -m 'slow or not slow'

browser: setup   ## pages in the system's Chromium (CHROMIUM= names another); pictures of them in screenshots/
	BARBERLAB_BROWSER=required CHROMIUM="$(CHROMIUM)" $(PYTEST) -n 2 --dist worksteal -m 'slow or not slow' tests/browser

lab: setup       ## JupyterLab in the same environment
	$(BIN)/jupyter lab --notebook-dir=notebooks

lock:            ## pin pyproject.toml's dependencies anew
	uv pip compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
	  --python-version 3.13 --all-extras --group dev pyproject.toml -o requirements.lock

clean:           ## what was made here: environment, runs, sample networks' working data
	rm -rf .venv outputs screenshots data/networks data/keys
