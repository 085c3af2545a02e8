import { arch, platform, release } from 'node:os'
import type { AppCore } from '../app/core/index.js'
import { Queues } from '../app/operating/index.js'
import { SETTINGS, type SettingName } from '../app/settings/index.js'
import { maskSecrets, packageVersion } from '../kernel/index.js'
import { type Command, texts } from './command.js'
import { queueInfo } from './queue-info.js'
import { requestInfo } from './request-info.js'
import { statsOf } from './stats.js'

/** Delayed tasks that one answer names: the earliest. */
const MOST_SCHEDULED = 1000
/** Revoked ids that one answer names. */
const MOST_REVOKED = 50_000
/** Options that one answer shows of each task. */
const MOST_ITEMS = 64
const MEBIBYTE = 1024 * 1024

const active: Command = ({ safe }, { worker }) =>
  worker.active.map((claim) => requestInfo(claim, safe === true || safe === 'true'))

const reserved: Command = (_args, { worker }) => worker.reserved.map((claim) => requestInfo(claim, false))

/** Tasks with a time wait in the broker, not in a worker: each worker names those of its queues. */
const scheduled: Command = async (_args, { app, broker, worker }) => {
  const found: unknown[] = []
  if (!broker.capabilities.browsing) return found
  for (const queue of worker.queues) {
    const { items } = await new Queues(app).list(queue, {
      state: 'delayed',
      limit: MOST_SCHEDULED - found.length,
    })
    for (const { id, task = '', shadow, dueMs, argsrepr, kwargsrepr } of items) {
      found.push({
        eta: dueMs === undefined ? null : new Date(dueMs).toISOString(),
        priority: 6,
        request: {
          id,
          name: shadow ?? task,
          type: task,
          args: argsrepr,
          kwargs: kwargsrepr,
          hostname: worker.hostname,
          time_start: null,
          acknowledged: false,
          delivery_info: { exchange: '', routing_key: queue, priority: null, redelivered: false },
          worker_pid: null,
        },
      })
    }
    if (found.length >= MOST_SCHEDULED) break
  }
  return found
}

const registered: Command = ({ taskinfoitems, builtins }, { app, worker }) => {
  const asked = taskinfoitems ? texts(taskinfoitems, 'taskinfoitems').slice(0, MOST_ITEMS) : []
  const items = asked.length > 0 ? asked : ['exchange', 'routing_key', 'rate_limit']
  return app.tasks
    .names()
    .filter((name) => builtins === true || !name.startsWith('celery.'))
    .sort()
    .map((name) => {
      const task = app.tasks.get(name)
      // The rate in force, which an operator may have changed.
      const options: Readonly<Record<string, unknown>> = {
        ...task?.options,
        ...(task ? { rateLimit: worker.limits.tasks.rateOf(task) } : {}),
      }
      const facts = items.flatMap((item) => {
        const value = options[camelCase(item)]
        return value === undefined || value === null ? [] : [`${item}=${String(value)}`]
      })
      return facts.length > 0 ? `${name} [${facts.join(' ')}]` : name
    })
}

const queryTask: Command = ({ ids }, { worker }) => {
  const wanted = new Set(texts(ids, 'ids'))
  const places = [
    ...worker.active.map((claim) => ['active', claim] as const),
    ...worker.reserved.map((claim) => ['reserved', claim] as const),
  ]
  return Object.fromEntries(
    places
      .filter(([, { job }]) => wanted.has(job.context.id))
      .map(([place, claim]) => [claim.job.context.id, [place, requestInfo(claim, false)]]),
  )
}

const conf: Command = ({ with_defaults: withDefaults }, { app }) => settingsOf(app, withDefaults === true)

/** Settings under Celery's names, secrets masked. */
function settingsOf(app: AppCore, withDefaults: boolean): Readonly<Record<string, unknown>> {
  // The keys of the table are the names of the settings.
  const names = Object.keys(SETTINGS) as SettingName[]
  const said = names.filter((name) => withDefaults || app.conf[name] !== SETTINGS[name].default)
  return Object.fromEntries(said.map((name) => [snakeCase(name), maskSecrets(name, app.conf[name]) ?? null]))
}

const report: Command = (_args, { app, broker }) => ({
  ok: [
    `software -> lovage:${packageVersion()} node:${process.versions.node}`,
    `platform -> system:${platform()} release:${release()} arch:${arch()}`,
    `app      -> ${app.main}, ${app.tasks.names().length} tasks`,
    `settings -> transport:${broker.kind} results:${app.hasResults ? maskSecrets('', app.resultUrl) : 'disabled'}`,
    '',
    ...Object.entries(settingsOf(app, false)).map(([name, value]) => `${name}: ${JSON.stringify(value)}`),
  ].join('\n'),
})

/** Celery's questions to a worker, by name. */
export const INSPECT_COMMANDS: Readonly<Record<string, Command>> = {
  ping: () => ({ ok: 'pong' }),
  clock: (_args, { app }) => ({ clock: app.logicalClock.value }),
  active,
  dump_active: active,
  reserved,
  dump_reserved: reserved,
  scheduled,
  dump_schedule: scheduled,
  revoked: (_args, { worker }) => worker.limits.revokes.ids.slice(0, MOST_REVOKED),
  dump_revoked: (_args, { worker }) => worker.limits.revokes.ids.slice(0, MOST_REVOKED),
  registered,
  dump_tasks: registered,
  query_task: queryTask,
  active_queues: (_args, { app, worker }) => worker.queues.map((name) => queueInfo(app.router.queue(name))),
  stats: (_args, ports) => statsOf(ports),
  conf,
  dump_conf: conf,
  report,
  memsample: () => `${(process.memoryUsage.rss() / MEBIBYTE).toFixed(3)}MB`,
  memdump: () => `rss: ${(process.memoryUsage.rss() / MEBIBYTE).toFixed(3)}MB`,
  objgraph: () => {
    throw new Error('object graphs belong to Python; take a heap snapshot with --heapsnapshot-signal')
  },
  // A plain list of ids is what peers accept from a node whose clock is not theirs.
  hello: ({ from_node: from }, { app, worker }) =>
    from === worker.hostname
      ? null
      : { revoked: worker.limits.revokes.ids.slice(0, 1000), clock: app.logicalClock.value },
}

const camelCase = (name: string): string =>
  name.replace(/_(\w)/g, (_all, letter: string) => letter.toUpperCase())
const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
