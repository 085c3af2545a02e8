#!/bin/sh
# Turns the enrichment off: the flag, then what waits (--purge removes it, otherwise it is sent as it came), then, with
# --stop, the workers. docs/rollback.md says when.
set -eu
cd "$(dirname "$0")/.."
celery=${CELERY:-celery}
queue=edx.lms.core.webhook_enrichment
purge=
stop=
for word in "$@"; do
  case $word in
    --purge) purge=1 ;;
    --stop) stop=1 ;;
    *) echo "$0: unknown option $word (there are --purge, --stop)" >&2; exit 64 ;;
  esac
done
node scripts/flag.mjs off
# CELERY may be several words.
# shellcheck disable=SC2086
if [ -n "$purge" ]; then $celery -A lms.celery purge -f "$queue"; fi
if [ -n "$stop" ]; then
  # shellcheck disable=SC2086
  for node in $($celery -A lms.celery inspect ping --json | grep -o 'webhook-enrichment@[^"]*' | sort -u); do
    # shellcheck disable=SC2086
    $celery -A lms.celery control shutdown --destination="$node"
  done
fi
