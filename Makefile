# Thin: every command here is spelled out in the README too.
PYTHON ?= python3
VENV := .venv

.PHONY: quickstart test check slow whole

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet -c constraints.txt -e .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(VENV)/bin/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	$(VENV)/bin/python -m pip install --quiet --no-deps evalplus==0.3.1
	touch $@

quickstart: $(VENV)/installed
	$(VENV)/bin/harness run suites/quickstart.yaml

test: $(VENV)/installed-dev
	$(VENV)/bin/python -m pytest -q -n 2 --dist loadgroup -m "not slow and not whole and not gpu and not vllm"

slow: $(VENV)/installed-dev
	$(VENV)/bin/python -m pytest -q -n 2 --dist loadgroup -m "slow and not gpu and not vllm"

whole: $(VENV)/installed-dev
	$(VENV)/bin/python -m pytest -q -m whole

check: $(VENV)/installed-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/pyright --pythonpath $(VENV)/bin/python
	$(VENV)/bin/lint-imports
