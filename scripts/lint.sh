#!/bin/sh
# Every static check of the project, each must be green. Leaves nothing behind but the tools' own caches.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
MAM_DATA_DIR=$(mktemp -d)
export MAM_DATA_DIR
trap 'rm -rf "$MAM_DATA_DIR"' EXIT

step() {
    printf 'lint: %s\n' "$*" >&2
    "$@"
}

step ruff check --quiet .
step ruff format --check --quiet .
step mypy
step lint-imports --no-logo
printf 'lint: djade\n' >&2
find templates mam catalog ingest streaming sync -name '*.html' -print0 | xargs -0 djade --check --target-version 5.2
step env MAM_HTTPS=1 python manage.py check --deploy --fail-level WARNING
step python manage.py makemigrations --check --dry-run
step python manage.py spectacular --validate --fail-on-warn --file "$MAM_DATA_DIR/schema.yml"
step python scripts/check_translations.py
