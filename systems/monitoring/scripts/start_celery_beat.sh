#!/bin/sh
# Starts a beat; any number may run, one of them sends: LOG_LEVEL=debug ./scripts/start_celery_beat.sh
set -eu
cd "$(dirname "$0")/.."
set -- --loglevel="${LOG_LEVEL:-info}" "$@"
[ -z "${LOG_FILE:-}" ] || set -- "$@" --logfile="$LOG_FILE"
# CELERY may be several words.
# shellcheck disable=SC2086
exec ${CELERY:-celery} -A consultantos.jobs.celery_app beat "$@"
