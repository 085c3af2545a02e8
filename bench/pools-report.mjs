// The tables of what the pools cost and give, and of the long run.
import { median, thousands } from './figures.mjs'

const WHAT = { noop: 'no-op tasks', spin: 'CPU-bound tasks of about 20 ms' }

export function poolsTables(samples) {
  const lines = []
  for (const [what, title] of Object.entries(WHAT)) {
    const here = samples.filter((sample) => sample.what === what)
    if (here.length === 0) continue
    const rate = (pool) => median(here.filter((one) => one.pool === pool).map(({ perSecond }) => perSecond))
    const pools = [...new Set(here.map(({ pool }) => pool))]
    const solo = rate('solo')
    lines.push(`| ${title}, run/s | -c | median | to solo |`, '|---|---|---|---|')
    for (const pool of pools) {
      const { children } = here.find((one) => one.pool === pool)
      lines.push(`| ${pool} | ${children} | ${thousands(rate(pool))} | ${(rate(pool) / solo).toFixed(2)}× |`)
    }
    lines.push('')
  }
  const starts = samples.filter(({ what }) => what === 'start')
  if (starts.length === 0) return lines
  lines.push(
    '| start, from compiled JavaScript | ready, ms | idle, MB | each child, MB |',
    '|---|---|---|---|',
  )
  for (const pool of new Set(starts.map((one) => one.pool))) {
    const of = starts.filter((one) => one.pool === pool)
    const children = of.flatMap(({ childMb }) => childMb ?? [])
    lines.push(
      `| ${pool} | ${median(of.map(({ readyMs }) => readyMs)).toFixed(0)} | ${median(of.map(({ mb }) => mb)).toFixed(0)} | ${children.length > 0 ? median(children).toFixed(0) : ''} |`,
    )
  }
  return lines
}

export function soakTable(samples) {
  const grew = (mb) => `${mb > 0 ? '+' : ''}${mb.toFixed(1)} MB`
  return [
    'Nine of ten tasks are plain, with a result that expires after a minute; the others are retried, fail, or are acknowledged early. The heap is',
    'looked at after a full collection. Growth is the trend after the first fifth of the run (the median slope between any two low points), over its tasks.',
    '',
    '![resident memory and heap over the tasks of the run](soak.svg)',
    '',
    '| pool | tasks | seconds | tasks/s | heap held | heap grew by | resident | resident grew by | flat |',
    '|---|---|---|---|---|---|---|---|---|',
    ...samples.map(
      ({ pool, tasks, seconds, perSecond, heapMb, heapGrewMb, rssMb, rssGrewMb, isFlat }) =>
        `| ${pool} | ${thousands(tasks)} | ${thousands(seconds)} | ${thousands(perSecond)} | ${heapMb.toFixed(0)} MB | ${grew(heapGrewMb)} | ${rssMb.toFixed(0)} MB | ${grew(rssGrewMb)} | ${isFlat === null ? 'too short to tell' : isFlat ? 'yes' : 'no'} |`,
    ),
  ]
}
