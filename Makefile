# The one door for every chore; CI goes through it, too (.ci/run).
# Needs nothing but make, and Python 3.11 or newer with venv: `make demo` or `make test` set up
# the rest in .venv. A certain Python is taken with `make test PYTHON=/usr/bin/python3.12`.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check install
WORKERS ?= auto
ALEMBIC := $(BIN)/alembic -x url=sqlite:///$(VENV)/scratch.db

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check fmt migrate docs bench wheel clean

help: ## say what can be made (this)
	@awk -F ': .*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/runtime ## show the main job on a small simulated RetroAchievements
	$(BIN)/harvester demo

# The tests start the program some hundred times: what Python compiled is kept for the next time.
test: $(VENV)/dev ## run all tests, on SQLite and PostgreSQL, and measure their coverage
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --cov --cov-report term

check: $(VENV)/dev ## lint, check the formatting, the types, and that the migrations make the schema
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@rm -f $(VENV)/scratch.db*
	$(ALEMBIC) upgrade head
	$(ALEMBIC) check

fmt: $(VENV)/dev ## format the code, and mend what can be mended by itself
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

migrate: $(VENV)/dev ## write a migration for a changed schema: make migrate M="what changes"
	$(if $(M),,$(error say what changes: make migrate M="tickets know their hash"))
	@rm -f $(VENV)/scratch.db*
	$(ALEMBIC) upgrade head
	PATH="$(CURDIR)/$(BIN):$$PATH" $(ALEMBIC) revision --autogenerate -m "$(M)"

docs: $(VENV)/dev ## write the pages that are made: docs/schema.md, docs/integrations, the answers of docs/cookbook.md, docs/images
	$(BIN)/python -m docs

bench: $(VENV)/bench ## measure ra-harvester beside others: make bench [QUICK=1] [DOC=1]
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(if $(DOC),--write docs/performance.md)

wheel: $(VENV)/dev ## build the wheel in dist/
	$(BIN)/python -m build --wheel

clean: ## remove everything that these chores made
	rm -rf $(VENV) build dist htmlcov .coverage .coverage.* demo.db demo.db-* demo.db.*
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find benchmarks docs harvester migrations tests -name __pycache__ -prune -exec rm -rf {} +

# --- setting up ------------------------------------------------------------------------------

# The first Python that runs, is new enough and can make environments. A name that is there
# but does not run (a pyenv shim of a version that is not chosen) is passed over. What comes
# out is its name, or after a "!" what to do if there is none.
define FIND_PYTHON
set -- $(if $(PYTHON),"$(PYTHON)",python3.13 python3.12 python3.11 python3); last=""; \
for python in "$$@"; do \
  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
  last=$$python; \
  "$$python" -c 'import ensurepip, venv' 2>/dev/null && { echo "$$python"; exit; }; \
done; \
case $$last in \
  "") echo "! needs Python 3.11 or newer, none of $$* is: sudo apt install python3-venv" \
    "(where python3 is older: python3.11-venv)";; \
  *) echo "! $$last cannot make virtual environments: sudo apt install $${last##*/}-venv";; \
esac
endef

$(BIN)/python:
	$(eval FOUND := $(shell $(FIND_PYTHON)))
	$(if $(filter !,$(firstword $(FOUND))),$(error $(wordlist 2,99,$(FOUND))))
	"$(FOUND)" -m venv --clear $(VENV)

# Made again when pyproject.toml names other dependencies.
$(VENV)/runtime: $(BIN)/python pyproject.toml
	$(PIP) --editable .
	@touch $@

$(VENV)/dev: $(BIN)/python pyproject.toml
	$(PIP) --editable '.[dev]'
	@touch $(VENV)/runtime $@

# A contender that cannot be installed says so in the tables.
$(VENV)/bench: $(BIN)/python pyproject.toml
	$(PIP) --editable '.[bench]' || $(PIP) --editable .
	@touch $(VENV)/runtime $@
