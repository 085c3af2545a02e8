#!/usr/bin/env bash
# croner 11.0.1, seen on 2026-11-30.
#
# Croner moves a run with a fixed time that falls into a gap of the clock to the end of the gap: in Berlin, where the clocks went from
# 02:00 to 03:00 on 2026-03-29, a daily run at 02:30 comes at 03:00 (01:00 UTC). Where the gap ends at midnight the run of that day is
# skipped instead: in Scoresbysund the clocks went from 23:00 on 2026-03-28 to 00:00, and a daily run at 23:30 comes a day later.
#
# Output:
#   gap at midnight 2026-03-30T00:30:00.000Z
#   gap in the day  2026-03-29T01:00:00.000Z
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund croner@11.0.1
cat >look.mjs <<'JS'
import { Cron } from 'croner'
const next = (pattern, timezone) =>
  new Cron(pattern, { timezone, paused: true }).nextRun(new Date('2026-03-28T12:00:00Z'))?.toISOString()
console.log(`gap at midnight ${next('30 23 * * *', 'America/Scoresbysund')}`)
console.log(`gap in the day  ${next('30 2 * * *', 'Europe/Berlin')}`)
JS
node look.mjs | tee out.txt
diff out.txt - <<'EXPECTED'
gap at midnight 2026-03-30T00:30:00.000Z
gap in the day  2026-03-29T01:00:00.000Z
EXPECTED
