import { arch, platform, release } from 'node:os'
import { isDeepStrictEqual } from 'node:util'
import type { AppCore } from '../app/core/index.js'
import { rememberRevoked } from '../app/fleet/index.js'
import { SETTINGS, type SettingName } from '../app/settings/index.js'

import { counted, maskSecrets } from '../kernel/index.js'
import { isPlainValue, isTruthy, reprValue } from '../message/index.js'
import { packageVersion } from '../process/index.js'
import { type Command, type CommandArguments, type CommandPorts, texts } from './command.js'

import { queueInfo } from './queue-info.js'
import { requestInfo } from './request-info.js'
import { scheduled } from './scheduled.js'
import { statsOf } from './stats.js'

/** Revoked ids in one reply. */
const MOST_REVOKED = 50_000
/** Revoked ids told to a peer. */
const MOST_TOLD = 1000
/** Options shown per task in one reply. */
const MOST_ITEMS = 64
const MEBIBYTE = 1024 * 1024

const active: Command = ({ safe }, { broker, worker }) =>
  worker.active.map((claim) => requestInfo(claim, broker, isTruthy(safe)))

const reserved: Command = (_args, { broker, worker }) =>
  worker.reserved.map((claim) => requestInfo(claim, broker, false))

/** The attributes that all of Python's tasks have, set or not; shown as by `str`. */
function factsOf(name: string, { app, worker }: Pick<CommandPorts, 'app' | 'worker'>) {
  const { conf } = app
  const task = app.tasks.get(name)
  const options: Readonly<Record<string, unknown>> = {
    acksLate: conf.taskAcksLate,
    ignoreResult: conf.taskIgnoreResult,
    maxRetries: 3,
    priority: conf.taskDefaultPriority,
    rejectOnWorkerLost: conf.taskRejectOnWorkerLost,
    serializer: conf.taskSerializer,
    softTimeLimit: conf.taskSoftTimeLimit,
    timeLimit: conf.taskTimeLimit,
    trackStarted: conf.taskTrackStarted,
    ...Object.fromEntries(Object.entries(task?.options ?? {}).filter(([, value]) => value !== undefined)),
  }
  // The current rate, which an operator may have changed.
  return { ...options, name, rateLimit: task && worker.limits.rates.of(task) } as Readonly<
    Record<string, unknown>
  >
}

const registered: Command = ({ taskinfoitems, builtins }, ports) => {
  const asked = taskinfoitems ? texts(taskinfoitems, 'taskinfoitems').slice(0, MOST_ITEMS) : []
  const items = asked.length > 0 ? asked : ['exchange', 'routing_key', 'rate_limit']
  const withBuiltins = isTruthy(builtins)
  return ports.app.tasks
    .names()
    .filter((name) => withBuiltins || !name.startsWith('celery.'))
    .sort()
    .map((name) => {
      const known = factsOf(name, ports)
      const facts = items.flatMap((item) => {
        const value = known[camelCase(item)]
        if (value === undefined || value === null || typeof value === 'function') return []
        return [`${item}=${typeof value === 'string' ? value : reprValue(value)}`]
      })
      return facts.length > 0 ? `${name} [${facts.join(' ')}]` : name
    })
}

const queryTask: Command = ({ ids }, { broker, worker }) => {
  const wanted = new Set(texts(ids, 'ids'))
  const places = [
    ...worker.active.map((claim) => ['active', claim] as const),
    ...worker.reserved.map((claim) => ['reserved', claim] as const),
  ]
  return Object.fromEntries(
    places
      .filter(([, { job }]) => wanted.has(job.context.id))
      .map(([place, claim]) => [claim.job.context.id, [place, requestInfo(claim, broker, false)]]),
  )
}

const conf: Command = ({ with_defaults: withDefaults }, { app }) => settingsOf(app, isTruthy(withDefaults))

/** Settings under Celery's names, with secrets masked: those that differ from their defaults, or all. */
function settingsOf(app: AppCore, withDefaults: boolean): Readonly<Record<string, unknown>> {
  // The keys of the table are the names of the settings.
  const names = Object.keys(SETTINGS) as SettingName[]
  const said = names.filter(
    (name) => withDefaults || !isDeepStrictEqual(app.conf[name] ?? undefined, SETTINGS[name].default),
  )
  return Object.fromEntries(said.map((name) => [snakeCase(name), shown(name, app.conf[name])]))
}

/** An unset value is not a secret: masking it would suggest that it is set. */
const shown = (name: string, value: unknown): unknown =>
  value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)
    ? (value ?? null)
    : maskSecrets(name, value)

const report: Command = (_args, { app, broker }) => ({
  ok: [
    `software -> lovage:${packageVersion()} node:${process.versions.node}`,
    `platform -> system:${platform()} release:${release()} arch:${arch()}`,
    `app      -> ${app.main}, ${counted(app.tasks.names().length, 'task')}`,
    `settings -> transport:${broker.kind} results:${app.hasResults ? maskSecrets('', app.resultUrl) : 'disabled'}`,
    '',
    ...Object.entries(settingsOf(app, false)).map(([name, value]) => `${name}: ${JSON.stringify(value)}`),
  ].join('\n'),
})

/** Celery's inspect commands, by name. */
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
  active_queues: (_args, { added, app, worker }) =>
    worker.queues.map((name) => queueInfo(added.get(name) ?? app.router.queue(name))),
  stats: (_args, ports) => statsOf(ports),
  conf,
  dump_conf: conf,
  report,
  memsample: () => `${(process.memoryUsage.rss() / MEBIBYTE).toFixed(3)}MB`,
  memdump: () => `rss: ${(process.memoryUsage.rss() / MEBIBYTE).toFixed(3)}MB`,
  objgraph: () => {
    throw new Error('object graphs belong to Python; take a heap snapshot with --heapsnapshot-signal')
  },
  hello: sync,
}

/** Workers exchange their revoked ids when they start: Python as a dictionary by id, Lovage as a list of ids, which Python accepts too. */
async function sync({ from_node: from, revoked }: CommandArguments, { app, worker }: CommandPorts) {
  if (from === worker.hostname) return null
  const { revokes, store } = worker.limits
  const known = revokes.ids.slice(0, MOST_TOLD)
  const theirs = Array.isArray(revoked) ? revoked : isPlainValue(revoked) ? Object.keys(revoked) : []
  const fresh = theirs
    .filter((id): id is string => typeof id === 'string' && !revokes.has(id))
    .slice(0, MOST_REVOKED)
  if (fresh.length > 0) {
    const atMs = app.clock.now()
    revokes.hear(fresh, { terminate: false, atMs })
    await rememberRevoked({ clock: app.clock, conf: app.conf, coordination: async () => store }, fresh, atMs)
  }
  return { revoked: known, clock: app.logicalClock.value }
}

const camelCase = (name: string): string =>
  name.replace(/_(\w)/g, (_all, letter: string) => letter.toUpperCase())
const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
