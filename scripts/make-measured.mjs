/** Writes the measured part of the README, with bench/results.json as its source: `npm run docs:measured`. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { median } from '../bench/figures.mjs'
import { madePage, ROOT } from './made-page.mjs'

const BEGIN = '<!-- Made by `npm run docs:measured`. -->\n'
const END = '<!-- End of what is made. -->\n'

const PEERS = {
  Lovage: 'Lovage',
  BullMQ: 'BullMQ',
  'bee-queue': 'bee-queue',
  'celery-node': 'celery-node',
  'Celery (Python, prefork 2)': 'Python Celery',
  'graphile-worker': 'graphile-worker',
  'pg-boss': 'pg-boss',
}

function document() {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
  const [before, rest = ''] = readme.split(BEGIN)
  const after = rest.split(END)[1] ?? ''
  return `${before}${BEGIN}${section()}${END}${after}`
}

function section() {
  const sections = JSON.parse(readFileSync(join(ROOT, 'bench/results.json'), 'utf8'))
  const of = (family) => sections.find((one) => one.family === family)
  const samplesOf = (family, is) => of(family).samples.filter((sample) => matches(sample, is))
  const figure = (family, what, is) => median(samplesOf(family, is).map((sample) => sample[what]))

  const table = (family, title, peers, rows) => {
    const shown = peers.filter((peer) => samplesOf(family, { peer }).length > 0)
    const row = ([name, scenario]) => {
      const cells = shown.map((peer) => {
        const rates = samplesOf(family, { peer, scenario }).map(({ perSecond }) => perSecond)
        return rates.length > 0 ? rounded(median(rates)) : ''
      })
      return `| ${name} | ${cells.join(' | ')} |`
    }
    return [
      `| ${title}, ${of(family).date} | ${shown.map((peer) => PEERS[peer]).join(' | ')} |`,
      `|---|${shown.map(() => '---|').join('')}`,
      ...rows.map(row),
      '',
    ]
  }
  const rate = (family, is) => rounded(figure(family, 'perSecond', is))
  const toBare = (scenario) =>
    (
      figure('redis', 'perSecond', { peer: 'Lovage', scenario }) /
      figure('redis', 'perSecond', { peer: 'Bare driver', scenario })
    ).toFixed(2)
  const start = (peer) => `${figure('redis', 'p50', { peer, scenario: 'latency' }).toFixed(2)} ms`
  const seconds = (scenario, peer) => {
    const taken = figure('canvas', 'seconds', { peer, scenario })
    return `${taken < 10 ? taken.toFixed(1) : Math.round(taken)} s`
  }
  const many = (scenario) => samplesOf('canvas', { scenario })[0].count.toLocaleString('en')
  const python = 'Celery (Python, prefork 2)'
  const cost = (family, is, base) =>
    `${Math.max(0, Math.round(100 * (1 - figure(family, 'perSecond', is) / figure(family, 'perSecond', base))))} %`
  const pools = (pool) => figure('pools', 'perSecond', { what: 'spin', pool })
  const sqlite = (scenario) => rate('sqlite', { on: 'synchronous=NORMAL', peer: 'Lovage', scenario })
  return [
    ...table(
      'redis',
      'tasks per second on Redis',
      ['Lovage', 'BullMQ', 'bee-queue', 'celery-node', python],
      [
        ['publish', 'publish'],
        ['run, late ack, no results', 'run'],
        ['run, late ack, with results', 'results'],
      ],
    ),
    ...table(
      'postgres',
      'tasks per second on PostgreSQL, fsync=on',
      ['Lovage', 'graphile-worker', 'pg-boss', 'BullMQ'],
      [
        ['publish', 'publish'],
        ['run', 'run'],
        ['run, with results', 'results'],
      ],
    ),
    ...table(
      'rabbitmq',
      'tasks per second on RabbitMQ',
      ['Lovage', 'celery-node', python],
      [
        ['publish, confirmed by the server (celery-node: not)', 'publish'],
        ['run, late ack', 'run'],
      ],
    ),
    `bee-queue starts an idle task sooner (${start('bee-queue')} against ${start('Lovage')} at the median; BullMQ ${start('BullMQ')}); its messages are smaller than`,
    `Celery's. A bare driver on the same wire, without leases, retries and limits, takes ${toBare('publish')} of the time to publish and ${toBare('run')} of the time to`,
    `run ([where the time goes](docs/internals/performance.md)). On the embedded SQLite file: ${sqlite('publish')} published, ${sqlite('run')} run, ${sqlite('results')} run`,
    `with results. In memory: ${rate('memory', { peer: 'Lovage', scenario: 'loop' })} published and run in one loop. A chord of ${many('chord')} tasks and its body takes ${seconds('chord', 'Lovage')}, a chain of`,
    `${many('chain')} steps ${seconds('chain', 'Lovage')} (Python Celery ${seconds('chain', python)}), sending a group of ${many('group')} tasks ${seconds('group', 'Lovage')} (Python Celery ${seconds('group', python)}).`,
    `CPU-bound tasks in two children run ${(pools('prefork') / pools('solo')).toFixed(1)} times as fast as in one process. Ten million tasks through one worker: its memory at the end is`,
    `that of the beginning. On Redis, events cost ${cost('events', { on: 'Redis', variant: 'on' }, { on: 'Redis', variant: 'off' })} of throughput while no monitor listens, metrics ${cost('observability', { variant: 'metrics' }, { variant: 'off' })}, and traces of`,
    `which 1 % is kept ${cost('observability', { variant: 'traces' }, { variant: 'off' })}.`,
    '',
  ].join('\n')
}

const matches = (sample, is) => Object.entries(is).every(([name, value]) => sample[name] === value)

/** Two digits, from 100,000 on three. */
function rounded(rate) {
  const unit = 10 ** (Math.floor(Math.log10(rate)) - (rate >= 100_000 ? 2 : 1))
  return (Math.round(rate / unit) * unit).toLocaleString('en')
}

export const measuredIsFresh = await madePage({
  script: import.meta.url,
  path: 'README.md',
  from: 'bench/results.json',
  command: 'docs:measured',
  document,
})
