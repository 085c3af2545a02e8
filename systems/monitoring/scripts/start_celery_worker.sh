#!/bin/sh
# Starts a worker: CONCURRENCY=8 LOG_LEVEL=debug QUEUES=critical,high ./scripts/start_celery_worker.sh
set -eu
cd "$(dirname "$0")/.."
set -- --loglevel="${LOG_LEVEL:-info}" --concurrency="${CONCURRENCY:-4}" -Q "${QUEUES:-critical,high,normal,low}" "$@"
[ -z "${LOG_FILE:-}" ] || set -- "$@" --logfile="$LOG_FILE"
# CELERY may be several words.
# shellcheck disable=SC2086
exec ${CELERY:-celery} -A consultantos.jobs.celery_app worker "$@"
