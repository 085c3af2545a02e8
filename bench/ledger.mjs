// What was measured last, a section for each family: kept in bench/results.json, shown in bench/RESULTS.md. A run replaces the sections
// that it measured and leaves the others, which say of which day and commit they are.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { growthCharts } from './growth-charts.mjs'
import { page } from './report.mjs'

const DATA = new URL('results.json', import.meta.url)
const PAGE = new URL('RESULTS.md', import.meta.url)
/** As they stand on the page. */
const ORDER = [
  'redis',
  'cluster',
  'canvas',
  'rabbitmq',
  'postgres',
  'sqlite',
  'memory',
  'pools',
  'events',
  'observability',
  'dashboard',
  'webhooks',
  'systems',
  'growth',
  'soak',
]

/** `section`: its family, how many `rounds` of how many tasks (`count`), and the samples. */
export function record(section) {
  const old = existsSync(DATA) ? JSON.parse(readFileSync(DATA, 'utf8')) : []
  const others = old.filter(({ family }) => family !== section.family)
  const sections = [...others, { ...circumstances(), ...section }].sort(
    (one, other) => ORDER.indexOf(one.family) - ORDER.indexOf(other.family),
  )
  writeFileSync(DATA, `${JSON.stringify(sections, null, 2)}\n`)
  writeFileSync(PAGE, page(sections))
  if (section.family === 'growth')
    for (const [name, svg] of Object.entries(growthCharts(section.samples)))
      writeFileSync(new URL(name, import.meta.url), svg)
  // The README shows some of them.
  execFileSync(process.execPath, [fileURLToPath(new URL('../scripts/make-measured.mjs', import.meta.url))])
}

const circumstances = () => ({
  date: new Date().toISOString().slice(0, 10),
  commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
  machine: `${cpus().length} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.version}`,
})
