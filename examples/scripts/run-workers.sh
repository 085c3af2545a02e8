#!/bin/sh
# Starts workers of an app; run-workers.ps1 is its twin.
#   APP=./tasks.ts ./run-workers.sh                                  all queues of the app
#   ./run-workers.sh --worker-type billing --log-level debug         one queue
#   ./run-workers.sh --beat                                          with the schedule
#   ./run-workers.sh --development                                   one task at a time, debug lines
set -eu
app=${APP:-tasks.ts}
lovage=${LOVAGE:-npx lovage}
level=info
type=all
beat=
pool=
while [ $# -gt 0 ]; do
  case $1 in
    --worker-type | --log-level)
      [ $# -gt 1 ] || { echo "$0: $1 wants a value" >&2; exit 64; }
      if [ "$1" = --worker-type ]; then type=$2; else level=$2; fi
      shift
      ;;
    --beat) beat=-B ;;
    --development) pool='-P solo' level=debug ;;
    *)
      echo "$0: unknown option $1 (there are --worker-type, --log-level, --beat, --development)" >&2
      exit 64
      ;;
  esac
  shift
done
set -- -n "$type@%h" -l "$level"
[ "$type" = all ] || set -- "$@" -Q "$type"
# What is empty is no word, and the command of `lovage` may be several.
# shellcheck disable=SC2086
exec $lovage -A "$app" worker "$@" $beat $pool
