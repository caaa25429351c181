# Each target makes its own environment in .venv: Python 3.11 or newer, pip and make are all that must be there.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

.PHONY: demo test bench docs lint matrix package clean

demo: $(VENV)/demo
	$(RUN) examples/demo.py

test: $(VENV)/test
	$(RUN) -m pytest -n 2 --dist loadfile

bench: $(VENV)/test
	$(RUN) -m benchmarks

lint: $(VENV)/test
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(RUN) -m mypy

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
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --upgrade pip
	$(RUN) -m pip install --quiet --editable '.[cli]'
	touch $@

$(VENV)/test: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --upgrade pip
	$(RUN) -m pip install --quiet --editable '.[test]'
	$(RUN) -m pip install --quiet --no-deps timm==1.0.31 diffusers==0.42.1  # their schedulers alone: no torchvision
	touch $@
