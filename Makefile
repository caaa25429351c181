# Each target makes its own environment in .venv: Python 3.11 or newer, pip and make are all that must be there.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

PYTEST := $(RUN) -m pytest -n logical --dist worksteal
# Quick tests of each part: imports and docstrings, arguments, compositions, script readers, rules.
SMOKE := tests/project/test_architecture.py tests/schedules tests/sources tests/linting/test_lint.py

.PHONY: demo test check long bench lint docs matrix package clean

demo: $(VENV)/demo
	$(RUN) examples/demo.py

# make test ARGS="-k cosine" takes any options of pytest.
test: $(VENV)/test
	$(PYTEST) $(ARGS)

# For the edit loop: lint, and the quick tests.
check: lint
	$(RUN) -m pytest -q $(SMOKE) $(ARGS)

# All tests, the searches at length too.
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
	@echo "Installing the package and its command line into $(VENV), once."
	@$(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install --quiet --upgrade pip
	@$(RUN) -m pip install --quiet --editable '.[cli]'
	@touch $@

# Of timm and diffusers only the schedulers are used, which need none of their dependencies; of Tunix only its trainer, which needs
# few.
$(VENV)/test: pyproject.toml
	@echo "Installing the package and what its tests need into $(VENV), once: about 3 GB, some minutes."
	@$(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install --quiet --upgrade pip
	@$(RUN) -m pip install --quiet --editable '.[test]'
	@$(RUN) -m pip install --quiet --no-deps timm==1.0.31 diffusers==0.42.1
	@$(RUN) -m pip install --quiet --no-deps google-tunix==0.1.7 google-metrax==0.2.4 clu==0.0.12 perfetto sentencepiece tensorboardX wrapt
	@touch $@
