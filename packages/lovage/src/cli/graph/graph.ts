import type { AppCore } from '../../app/core/index.js'
import { maskSecrets } from '../../kernel/index.js'
import { type AskOptions, broadcastOptions } from '../shared/ask-nodes.js'
import { EXIT } from '../shared/exit-codes.js'
import { useApp } from '../shared/use-app.js'

/** Prints a graph in DOT. */
export async function graph(what: 'workers' | 'bootsteps', options: AskOptions): Promise<void> {
  await useApp(options, what === 'workers' ? 'settings' : 'tasks', async ({ app, core }) => {
    if (what === 'bootsteps') return console.log(bootsteps(core))
    const inspect = app.control.inspect(broadcastOptions(options))
    const [queues, stats] = await Promise.all([inspect.activeQueues(), inspect.stats()])
    if (Object.keys(stats).length === 0) {
      process.exitCode = EXIT.unavailable
      console.error('Error: No nodes replied within time constraint')
      return
    }
    const { location } = await core.broker()
    console.log(workers(String(maskSecrets('', location)), resultsOf(core), stats, queues))
  })
}

const resultsOf = (app: AppCore): string | undefined =>
  app.hasResults ? String(maskSecrets('', app.resultUrl)) : undefined

/** Broker → queue → worker → results. */
function workers(
  broker: string,
  results: string | undefined,
  stats: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  queues: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>,
): string {
  const lines = [node('broker', broker, 'box3d')]
  if (results !== undefined) lines.push(node('results', results, 'cylinder'))
  const drawn = new Set<string>()
  for (const [name, said] of Object.entries(stats)) {
    lines.push(node(`worker ${name}`, `${name}\n${poolOf(said.pool)}`, 'box'))
    // Nodes of any version may reply; anything but a list of queues counts as none.
    for (const queue of Array.isArray(queues[name]) ? (queues[name] ?? []) : []) {
      const id = `queue ${String(queue.name)}`
      if (!drawn.has(id)) lines.push(node(id, String(queue.name), 'ellipse'), edge('broker', id))
      drawn.add(id)
      lines.push(edge(id, `worker ${name}`))
    }
    if (results !== undefined) lines.push(edge(`worker ${name}`, 'results'))
  }
  return digraph('workers', lines)
}

function poolOf(pool: unknown): string {
  if (typeof pool !== 'object' || pool === null) return ''
  const { implementation, 'max-concurrency': slots, processes } = pool as Readonly<Record<string, unknown>>
  const kind = String(implementation ?? '')
    .split(/[:.]/)
    .at(-1)
  const ids = Array.isArray(processes) ? ` (${processes.slice(0, 16).join(' ')})` : ''
  return `${kind} × ${String(slots ?? '?')}${ids}`
}

/** A worker's boot steps in start order; they stop in reverse order. */
function bootsteps(app: AppCore): string {
  const { conf } = app
  const steps = [
    'broker',
    ...(app.hasResults ? ['results'] : []),
    'revokes, rates and pauses',
    'pool',
    'queues',
    ...(conf.workerEnableRemoteControl ? ['remote control'] : []),
    'events and heartbeat',
    ...(conf.workerMetricsPort === undefined ? [] : ['metrics and health']),
    'autoscaler (--autoscale)',
    ...app.steps.map(({ name }) => name),
    ...(app.hasResults ? ['owed chords'] : []),
    'consumer',
  ]
  const ids = steps.map((_, place) => `step ${place}`)
  return digraph('bootsteps', [
    ...steps.map((step, place) => node(ids[place] ?? '', step, 'box')),
    ...ids.slice(1).map((id, place) => edge(ids[place] ?? '', id)),
  ])
}

const digraph = (name: string, lines: readonly string[]): string =>
  [`digraph ${name} {`, '  rankdir=LR', ...lines.map((line) => `  ${line}`), '}'].join('\n')
const node = (id: string, label: string, shape: string): string =>
  `${quoted(id)} [label=${quoted(label)}, shape=${shape}]`
const edge = (from: string, to: string): string => `${quoted(from)} -> ${quoted(to)}`
/** Quotes a name as text in DOT, whatever it contains. */
const quoted = (text: string): string =>
  `"${text
    .replace(/\\/g, '\\\\')
    .replace(/"/g, '\\"')
    .replace(/\n/g, '\\n')
    .replace(/\p{Cc}/gu, '?')}"`
