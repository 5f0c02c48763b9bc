# Two commands matter: `make up` runs the system, `make test` proves it. Both install what they need.
# MAM_DATA_DIR (default var/) and MAM_PORT (default 8000) say where everything lies and where it listens.
PYTHON := .venv/bin/python
UV := .venv/bin/uv

.DEFAULT_GOAL := help
.PHONY: help up test test-fast lint bench requirements messages clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | while IFS='	' read -r name text; do printf '  make %-13s %s\n' "$$name" "$$text"; done

up: ## install what is missing and start the system; Ctrl-C stops it
	@python3 scripts/bootstrap.py up
	@exec $(PYTHON) manage.py up

test: ## install what the tests need, then lint and every test, on SQLite and PostgreSQL
	@python3 scripts/bootstrap.py test
	@scripts/lint.sh
	@exec $(PYTHON) -m tests

test-fast: ## the tests that start no server and no browser
	@python3 scripts/bootstrap.py test
	@exec $(PYTHON) -m pytest -q -m "not smb and not s3 and not postgres and not redis and not browser and not processes"

lint: ## every static check
	@python3 scripts/bootstrap.py test
	@exec scripts/lint.sh

bench: ## the benchmarks against their references; one of them with B=NAME
	@python3 scripts/bootstrap.py test
	@exec $(PYTHON) -m benchmarks $(B)

requirements: ## pin requirements*.in anew, with hashes; UPGRADE=1 takes newer versions
	@python3 scripts/bootstrap.py test
	@for name in requirements-tools requirements requirements-dev requirements-s3; do \
	    $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header $(if $(UPGRADE),--upgrade) $$name.in -o $$name.txt || exit 1; \
	done

messages: ## collect the interface's texts into locale/, then translate what is new
	@python3 scripts/bootstrap.py test
	@for domain in django djangojs; do \
	    $(PYTHON) -m django makemessages --locale=ko --domain=$$domain --no-wrap --no-obsolete --add-location=file \
	        --ignore=node_modules --ignore=.venv --ignore=.venv-s3 --ignore=var --ignore=tests || exit 1; \
	done

clean: ## remove what was installed and cached here; the data directory stays
	rm -rf .venv .venv-s3 node_modules .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
	find locale -name '*.mo' -delete
