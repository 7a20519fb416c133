# What the project can do from a fresh clone, with nothing but Python 3.11 or newer; no environment need be active.
# `make help` lists it. Each target first brings .venv up to date with pyproject.toml and constraints.txt.

VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
# The suite starts dozens of processes: what one has compiled the others need not compile again. Two workers, as a third one costs
# more in collecting and in shared fixtures than it fills of the others' waiting.
PYTEST := env -u PYTHONDONTWRITEBYTECODE $(RUN) -m pytest -n 2 --dist loadgroup
EXTRAS := notebooks,test,dev,onnx,browser,site
LAB_EXTRAS := notebooks
BENCH_EXTRAS := test,bench,mkl,notebooks,browser,site
EXPERIMENT_EXTRAS := torch,experiment
ZOO_EXTRAS := zoo,onnx
# Trained networks, as files in a package. What that package needs to run them is large and not needed to read them,
# so it is no extra of pyproject.toml, but installed without its dependencies.
REALDATA := rapidocr-onnxruntime==1.4.4

LIBRARY := $(shell find igc_theory -name '*.py' -o -name '*.pyi' -o -name '*.json' -o -name '*.csv')
FIGURES := $(shell sed -n 's/^name = "\(.*\)"/\1/p' figures/manifest.toml)
PICTURES := $(foreach name,$(FIGURES),figures/data/$(name).csv $(addprefix figures/out/$(name).,svg pdf png))

# What the stored runs of the experiments say; the runs themselves are made by `make experiment` alone.
RUNS := experiments/bootstrap.py experiments/claims.py experiments/verdicts.py experiments/comparisons.py experiments/records.py $(wildcard experiments/*.csv)

MATHJAX := .make/npm/node_modules/mathjax/es5/tex-svg.js

# The first Python that is new enough, unless PYTHON=… names one.
FIND_PYTHON = for python in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11 python); do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then break; else python=; fi; done; \
	if [ -z "$$python" ]; then \
	  echo "No Python 3.11 or newer$(if $(PYTHON), at PYTHON=$(PYTHON)): install one, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; fi; \
	if ! "$$python" -c 'import venv, ensurepip' 2>/dev/null; then \
	  echo "$$python cannot make environments: install the package python3-venv (Debian, Ubuntu: apt-get install python3-venv)," >&2; \
	  echo "or name another Python: make PYTHON=/path/to/python3.11" >&2; exit 1; fi

# $(call install,VENV,EXTRAS,OPTIONS) makes the environment if there is none that runs, and installs what constraints.txt pins.
define install
	@$(FIND_PYTHON); "$(1)/bin/python" -m pip --version >/dev/null 2>&1 || \
	  { echo "Setting up $(1) with $$("$$python" --version)"; "$$python" -m venv --clear $(1); }
	@echo "Installing into $(1) what constraints.txt pins (a minute or so)"
	@"$(1)/bin/python" -m pip install --quiet --disable-pip-version-check $(3) -c constraints.txt -e ".[$(2)]"
endef

# The notebooks need less than half of what the tests do; an environment that has all serves as well.
LAB := $(if $(wildcard $(READY)),$(VENV),.venv-lab)
# JupyterLab refuses to run as root, which is who one is in most containers; there, a port that is forwarded from outside ends
# at another address than localhost. Without a screen there is no browser to open.
CONTAINER := $(wildcard /.dockerenv /run/.containerenv)$(KUBERNETES_SERVICE_HOST)
SCREEN := $(if $(filter Linux,$(shell uname)),$(if $(SSH_CONNECTION),,$(DISPLAY)$(WAYLAND_DISPLAY)),$(if $(SSH_CONNECTION),,yes))
PORT = $(or $(shell echo '$(ARGS)' | sed -n 's/.*--\(ServerApp\.\)\{0,1\}port[= ]*\([0-9][0-9]*\).*/\2/p'),8888)
LAB_FLAGS := $(if $(filter 0,$(shell id -u)),--allow-root) $(if $(CONTAINER),--ip=0.0.0.0) $(if $(SCREEN),,--no-browser)

.DEFAULT_GOAL := help
.PHONY: help setup realdata paper figures notebooks site test hostile lint format bench zoo-check experiment example lab constraints clean distclean FORCE
.NOTPARALLEL:
.DELETE_ON_ERROR:

help:  ## this list
	@echo "make TARGET, where TARGET is one of"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r target text; do \
	  printf '  %-12s %s\n' "$$target" "$$text"; done
	@echo "New here? Run make lab: it opens a tour of ten minutes. CONTRIBUTING.md says how to add things."
	@echo "One figure: .venv/bin/python figures/build.py NAME. One notebook: .venv/bin/python notebooks/build.py FILE."

paper: figures notebooks  ## the main job: set up, regenerate every figure and every notebook

figures: .make/figures  ## figures/data/*.csv and figures/out/*.svg, .pdf, .png; the gallery in README.md

notebooks: .make/notebooks  ## run every notebook and store it with its outputs; the index in README.md

site: $(READY) $(MATHJAX)  ## pages that need nothing installed, from what is stored: open site/index.html
	$(RUN) website/build.py --mathjax $(MATHJAX)

test: $(READY)  ## the test suite with doctests, warnings as errors (ARGS="-k name" chooses); not hostile
	$(PYTEST) -m "not hostile" $(ARGS)

hostile: $(READY)  ## bad values for every public name, damaged files, faults in builds (three minutes)
	$(PYTEST) -m hostile $(ARGS)

lint: $(READY)  ## what CI asks of the code: ruff check, ruff format --check, mypy --strict
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

format: $(READY)  ## let ruff format the code and mend what it can
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

bench: .venv-bench/.ready  ## speed beside other libraries, as ratios (own environment: PyTorch is large)
	@# NumPy and its peers shall choose their own kernels: a CPU type forced from outside would measure another machine.
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE .venv-bench/bin/python -m tests.benchmarks $(ARGS)

zoo-check: .venv-zoo/.ready  ## count 221 models of timm and torchvision in two ways (own environment; goes on where it was stopped)
	.venv-zoo/bin/python -m tests.zoo_check --speed 50 $(ARGS)

experiment: .venv-experiment/.ready  ## train the small networks again, about two hours (QUICK=1: one seed of each, five minutes)
	.venv-experiment/bin/python -m experiments.run $(if $(QUICK),--quick) $(ARGS)

example: .venv-experiment/.ready  ## train, audit, rewrite, fine-tune, export and time a small network, eight minutes (QUICK=1: one seed)
	.venv-experiment/bin/python -m experiments.example $(if $(QUICK),--quick) $(ARGS)

lab: $(LAB)/.ready  ## open the notebooks in JupyterLab, the tour first (ARGS="--no-browser --port 9000" is passed on)
	@[ -z "$$SSH_CONNECTION" ] || echo "On your own machine: ssh -L $(PORT):localhost:$(PORT) $$(id -un)@$$(hostname); then open there the address below."
	$(LAB)/bin/python -m jupyter lab . --config=notebooks/jupyter_server_config.py $(LAB_FLAGS) $(ARGS) \
	  --LabApp.default_url=/lab/tree/notebooks/00_take_the_tour.ipynb

setup: $(READY)  ## only set up .venv

realdata: $(READY)  ## also fetch trained networks (15 MB); without them the figures of their kernels are drawn from stored numbers
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps $(REALDATA)

constraints: $(READY)  ## pin the newest versions that pyproject.toml allows in constraints.txt
	$(RUN) -m uv pip compile pyproject.toml --all-extras --universal --upgrade --no-annotate --no-header -o constraints.txt

clean:  ## remove caches, untracked pictures and the site; the next make paper builds all
	rm -rf site .make .pytest_cache .mypy_cache .ruff_cache .hypothesis figures/out/*.pdf figures/out/*.png
	find igc_theory figures notebooks tests -name __pycache__ -prune -exec rm -rf {} +

distclean: clean  ## also remove the environments
	rm -rf .venv .venv-lab .venv-bench .venv-experiment .venv-zoo

$(READY): pyproject.toml constraints.txt
	$(call install,$(VENV),$(EXTRAS))
	@touch $@

# Formulas are typeset by MathJax, which npm packs; MATHJAX=… names a tex-svg.js that is already there.
.make/npm/node_modules/mathjax/es5/tex-svg.js: website/package.json
	@command -v npm >/dev/null || { echo "npm is needed for MathJax (Debian, Ubuntu: apt-get install npm)," >&2; \
	  echo "or name a tex-svg.js of MathJax 3 that you have: make site MATHJAX=/path/to/tex-svg.js" >&2; exit 1; }
	@mkdir -p .make/npm && cp website/package.json .make/npm/
	npm install --prefix .make/npm --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error
	@touch $@

.venv-bench/.ready: pyproject.toml constraints.txt
	$(call install,.venv-bench,$(BENCH_EXTRAS))
	@touch $@

# Bytecode is a quarter of what pip would write; Python writes that of what is imported when it is.
.venv-lab/.ready: pyproject.toml constraints.txt
	$(call install,.venv-lab,$(LAB_EXTRAS),--no-compile)
	@touch $@

.venv-zoo/.ready: pyproject.toml constraints.txt
	$(call install,.venv-zoo,$(ZOO_EXTRAS))
	@touch $@

.venv-experiment/.ready: pyproject.toml constraints.txt
	$(call install,.venv-experiment,$(EXPERIMENT_EXTRAS))
	@touch $@

# A build is done again when something that goes into it is newer, or when something that comes out of it is missing.
.make/figures: $(READY) $(LIBRARY) $(RUNS) $(wildcard figures/*.py) figures/manifest.toml igc_theory/igc.mplstyle \
               $(if $(filter-out $(wildcard $(PICTURES)),$(PICTURES)),FORCE)
	$(RUN) figures/build.py
	@mkdir -p $(@D) && touch $@

.make/notebooks: $(READY) $(LIBRARY) $(RUNS) $(wildcard notebooks/*.ipynb) notebooks/build.py tools/files.py
	$(RUN) notebooks/build.py
	@mkdir -p $(@D) && touch $@

FORCE:
