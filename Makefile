# Each target creates its environment in .venv. You need Python 3.11 or newer, pip and make.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

PYTEST := $(RUN) -m pytest -n logical --dist worksteal
# Quick tests: imports and docstrings, schedules, script readers, lint rules.
SMOKE := tests/project/test_architecture.py tests/schedules tests/sources tests/linting/test_lint.py

.PHONY: demo test check long bench lint docs matrix package clean

demo: $(VENV)/demo
	$(RUN) examples/demo.py

# ARGS takes any options of pytest: make test ARGS="-k cosine".
test: $(VENV)/test
	$(PYTEST) $(ARGS)

# For use while editing: lint and the quick tests.
check: lint
	$(RUN) -m pytest -q $(SMOKE) $(ARGS)

# All tests, including the long searches.
long: $(VENV)/test
	$(PYTEST) -m "long or not long" $(ARGS)

bench: $(VENV)/test
	$(RUN) -m benchmarks

lint: $(VENV)/test
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(RUN) -m mypy
	$(VENV)/bin/codespell
	$(RUN) docs/prose.py

docs: $(VENV)/test
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict

matrix: $(VENV)/test
	$(RUN) -m pip install --quiet nox
	$(RUN) -m nox

package: $(VENV)/test
	$(RUN) -m pip install --quiet build
	$(RUN) tests/check_package.py $(PYTHON)

clean:
	rm -rf $(VENV) build dist out

$(VENV)/demo: pyproject.toml
	@echo "Installing the package and its command line into $(VENV). This is done once."
	@$(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install --quiet --upgrade pip
	@$(RUN) -m pip install --quiet --editable '.[cli]'
	@touch $@

# The tests use only the schedulers of timm and diffusers, which need no dependencies, and the trainer of Tunix, which needs few.
$(VENV)/test: pyproject.toml
	@echo "Installing the package and the dependencies of its tests into $(VENV). This is done once: about 3 GB, some minutes."
	@$(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install --quiet --upgrade pip
	@$(RUN) -m pip install --quiet --editable '.[test]'
	@$(RUN) -m pip install --quiet --no-deps timm==1.0.31 diffusers==0.42.1
	@$(RUN) -m pip install --quiet --no-deps google-tunix==0.1.7 google-metrax==0.2.4 clu==0.0.12 perfetto sentencepiece tensorboardX wrapt
	@touch $@
