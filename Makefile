# One virtual environment serves every target. `make PYTHON=/path/to/python3.11 test` chooses the interpreter.
PYTHON ?= $(shell python3.11 -c '' 2>/dev/null && echo python3.11 || echo python3)
BIN := .venv/bin
READY := .venv/.ready
UNFINISHED := .venv/.unfinished
FLOOR := .venv-floor

.DEFAULT_GOAL := help
.PHONY: help demo base test floor lint bench board rewards

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile

demo: $(READY) ## install, then evaluate trivial and tiny models on the synthetic benchmark
	$(BIN)/harness demo

base: $(READY) ## install, then train the tiny checkpoint that grounds
	$(BIN)/python -m trainers.base runs/base

test: $(READY) ## install, then run every test
	$(BIN)/python -m pytest -n auto --dist worksteal

# Only the package changes whose oldest release is claimed to see the video; the folder stands before .venv on the path.
floor: $(FLOOR)/.ready ## install, then run the tests of models on the oldest transformers that is allowed
	PYTHONPATH=$(CURDIR)/$(FLOOR) $(BIN)/python -m pytest -n auto --ignore-glob="*openai*" tests/harness/models tests/harness/test_run.py

lint: $(READY) ## style, formatting and types
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

board: $(READY) ## install, then write the board of the recorded runs into docs/demo.md
	$(BIN)/python docs/figures.py board

rewards: $(READY) ## fail where a reward has become three times slower than it was
	$(BIN)/python -m pytest tests/benchmarks/test_rewards.py --benchmark-enable --benchmark-only \
	  --benchmark-compare=tests/benchmarks/rewards.json --benchmark-compare-fail=median:200%

bench: $(READY) ## measure speed
	$(BIN)/python -m pytest tests/benchmarks --benchmark-enable --benchmark-only

# An install that was cut short starts over. The constraints pin versions only, so pip takes the CUDA builds of torch and
# torchvision or, where its own settings offer them, CPU builds.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "expected: Python 3.11 or newer"; \
	  echo "found:    $(PYTHON): $$($(PYTHON) --version 2>&1)"; \
	  echo "next:     make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; } >&2
	@if [ -e $(UNFINISHED) ]; then rm -rf .venv; fi
	@mkdir -p .venv && touch $(UNFINISHED)
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@rm $(UNFINISHED) && touch $@

$(FLOOR)/.ready: $(READY)
	@rm -rf $(FLOOR) && mkdir $(FLOOR)
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps --target $(FLOOR) \
	  "$$(sed -n 's/.*"\(transformers\)>=\([0-9.]*\),.*/\1==\2/p' pyproject.toml)"
	@touch $@
