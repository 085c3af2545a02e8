#!/bin/sh
# Starts workers of the task platform; run-celery.ps1 is its twin.
#   ./scripts/run-celery.sh                                      all queues
#   ./scripts/run-celery.sh --worker-type billing --log-level debug
#   ./scripts/run-celery.sh --beat                               with the schedule
#   ./scripts/run-celery.sh --mode production                    four tasks at once, no debug lines
set -eu
cd "$(dirname "$0")/.."
celery=${CELERY:-celery}
type=all
level=info
beat=
concurrency=1
while [ $# -gt 0 ]; do
  case $1 in
    --worker-type | --log-level | --mode)
      [ $# -gt 1 ] || { echo "$0: $1 wants a value" >&2; exit 64; }
      case $1=$2 in
        --worker-type=*) type=$2 ;;
        --log-level=*) level=$2 ;;
        --mode=production) concurrency=4 ;;
        --mode=development) concurrency=1 ;;
        *) echo "$0: --mode is development or production, not $2" >&2; exit 64 ;;
      esac
      shift
      ;;
    --beat) beat=--beat ;;
    *)
      echo "$0: unknown option $1 (there are --worker-type, --log-level, --mode, --beat)" >&2
      exit 64
      ;;
  esac
  shift
done
case $type in
  all | default | billing | kyb | notifications | dead_letter) ;;
  *) echo "$0: there is no worker type $type (there are all, default, billing, kyb, notifications, dead_letter)" >&2; exit 64 ;;
esac
set -- --loglevel="$level" --concurrency="$concurrency" --hostname="$type@%h"
[ "$type" = all ] || set -- "$@" -Q "$type"
# CELERY may be several words, and an empty option is none.
# shellcheck disable=SC2086
exec $celery -A celery_app worker "$@" $beat
