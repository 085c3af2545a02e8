import { constants } from 'node:os'
import { revoke, revokeByStamps, setRate, stampKey } from '../app/fleet/index.js'
import type { RevokeOptions } from '../app/results/index.js'
import type { ExchangeType, Queue } from '../broker/index.js'
import { intervalOf } from '../kernel/index.js'
import { isTruthy, reprValue } from '../message/index.js'
import type { Claim } from '../worker/index.js'
import {
  type Command,
  type CommandArguments,
  type CommandPorts,
  count,
  entity,
  number,
  text,
  texts,
} from './command.js'

/** Ids that one request may revoke. */
const MOST_IDS = 50_000
/** Any client of the broker may ask for more slots and queues: limited to what a machine can bear. */
const MOST_SLOTS = 100_000
const MOST_CHILDREN = 1_000
const MOST_QUEUES = 1_000
const mostSlots = ({ pool }: CommandPorts['worker']): number => (pool.isRemote ? MOST_CHILDREN : MOST_SLOTS)

/** Orders take effect in this worker's own stores, even where the broker has no shared store. */
const here = ({ app, worker }: CommandPorts) => ({
  clock: app.clock,
  conf: app.conf,
  hasResults: app.hasResults,
  results: () => app.results(),
  coordination: async () => worker.limits.store,
})

/**
 * Marks what a request revokes at once, before its turn comes; does nothing for any other request, or one that will be refused. Returns the
 * ids that this worker held until then.
 */
export function hearRevoke(
  { method, arguments: args }: { readonly method: string; readonly arguments: CommandArguments },
  { app, worker }: Pick<CommandPorts, 'app' | 'worker'>,
): ReadonlySet<string> {
  if (method !== 'revoke' && method !== 'terminate') return NONE
  const ids = [args.task_id].flat().filter((id) => typeof id === 'string')
  if (ids.length > MOST_IDS) return NONE
  const held = new Set([...worker.active, ...worker.reserved].map(({ job }) => job.context.id))
  const atMs = typeof args.at_ms === 'number' ? args.at_ms : app.clock.now()
  const how = howOf(args)
  const terminate = method === 'terminate' || how.terminate === true
  worker.limits.revokes.hear(ids, { terminate, atMs, ...(how.signal ? { signal: how.signal } : {}) })
  return held
}
const NONE: ReadonlySet<string> = new Set()

const revokeTasks: Command = async (args, ports) => {
  const { held, worker } = ports
  const ids = texts(args.task_id, 'task_id')
  if (ids.length > MOST_IDS)
    throw new RangeError(`one request revokes ${MOST_IDS} tasks at most, not ${ids.length}`)
  const how = howOf(args)
  const { limits } = worker
  const told = typeof args.at_ms === 'number' ? args.at_ms : undefined
  const atMs = told ?? ports.app.clock.now()
  // Our own apps store it before they broadcast it, and once is enough.
  if (told === undefined || !limits.isShared) {
    const running = new Set(worker.active.map(({ job }) => job.context.id))
    await revoke({ ...here(ports), isRunning: (id) => running.has(id) }, ids, how, atMs)
  }
  if (!how.terminate) return { ok: `tasks ${set(ids)} flagged as revoked` }
  const found = ids.filter((id) => held.has(id))
  return { ok: `terminate: ${found.length > 0 ? found.join(', ') : 'tasks unknown'}` }
}

const revokeStamped: Command = async (args, ports) => {
  const stamps = stampsOf(args.headers)
  const how = howOf(args)
  const { active } = ports.worker
  await revokeByStamps(here(ports), stamps, how)
  const shown = `headers ${reprValue(stamps)}`
  if (!how.terminate) return { ok: `${shown} flagged as revoked, but not terminated` }
  const keys = new Set(Object.entries(stamps).flatMap(([header, values]) => keysOf(header, values)))
  const isMeant = ({ job }: Claim): boolean =>
    Object.entries(job.context.wireHeaders.stamps).some(([header, values]) =>
      keysOf(header, values).some((key) => keys.has(key)),
    )
  return { ok: `${shown} ${active.some(isMeant) ? 'revoked' : 'were not terminated'}` }
}

const rateLimit: Command = async ({ task_name: name, rate_limit: rate }, ports) => {
  const task = text(name, 'task_name')
  if (!ports.app.tasks.has(task)) return { error: 'unknown task' }
  const asked = rate ?? '0'
  if (typeof asked !== 'number' && typeof asked !== 'string') throw new TypeError('rate_limit is not a rate')
  await setRate(here(ports), task, asked)
  return {
    ok:
      intervalOf(asked) === undefined
        ? 'rate limit disabled successfully'
        : 'new rate limit set successfully',
  }
}

const timeLimit: Command = ({ task_name: name, hard, soft }, { app, worker }) => {
  const task = text(name, 'task_name')
  if (!app.tasks.has(task)) return { error: 'unknown task' }
  worker.timeLimits.set(task, {
    ...(hard === null || hard === undefined ? {} : { hard: number(hard, 'hard') }),
    ...(soft === null || soft === undefined ? {} : { soft: number(soft, 'soft') }),
  })
  return { ok: 'time limits set successfully' }
}

const addConsumer: Command = async (args, { added, broker, worker }) => {
  const queue = entity(args.queue, 'queue')
  if (!worker.queues.includes(queue)) {
    if (worker.queues.length >= MOST_QUEUES)
      throw new RangeError(`a worker consumes ${MOST_QUEUES} queues at most`)
    const described = queueOf(queue, args)
    await broker.declare([described])
    added.set(queue, described)
    await worker.setQueues([...worker.queues, queue])
  }
  return { ok: `add consumer ${queue}` }
}

const cancelConsumer: Command = async (args, { added, worker }) => {
  const queue = entity(args.queue, 'queue')
  added.delete(queue)
  await worker.setQueues(worker.queues.filter((name) => name !== queue))
  return { ok: `no longer consuming from ${queue}` }
}

const resize =
  (sign: 1 | -1): Command =>
  async ({ n = 1 }, { worker }) => {
    const verb = sign > 0 ? 'grow' : 'shrink'
    if (worker.autoscaler)
      return { error: `pool_${verb} is not supported with autoscale. Adjust autoscale range instead.` }
    const most = mostSlots(worker)
    const slots = worker.pool.slots + sign * count(n, 'n', 1, most)
    if (slots < 1) throw new RangeError(`a pool needs at least one slot, not ${slots}`)
    if (slots > most) throw new RangeError(`a pool has ${most} slots at most, not ${slots}`)
    await worker.resize(slots)
    return { ok: `pool will ${verb}` }
  }

const autoscale: Command = ({ max, min }, { worker }) => {
  const { autoscaler } = worker
  if (!autoscaler) throw new RangeError('Autoscale not enabled')
  const now = autoscaler.bounds
  const most = mostSlots(worker)
  const asked = {
    max: max === undefined || max === null ? now.max : count(max, 'max', 1, most),
    min: min === undefined || min === null ? now.min : count(min, 'min', 1, most),
  }
  if (asked.min > asked.max) throw new RangeError(`min (${asked.min}) is more than max (${asked.max})`)
  autoscaler.bounds = asked
  return { ok: `autoscale now max=${autoscaler.bounds.max} min=${autoscaler.bounds.min}` }
}

const switchEvents =
  (isOn: boolean): Command =>
  (_args, { events }) => ({
    ok: `task events ${events.switch(isOn) ? '' : 'already '}${isOn ? 'enabled' : 'disabled'}`,
  })

/** Celery's control commands, by name. */
export const CONTROL_COMMANDS: Readonly<Record<string, Command>> = {
  revoke: revokeTasks,
  terminate: (args, ports) => revokeTasks({ ...args, terminate: true }, ports),
  revoke_by_stamped_headers: revokeStamped,
  rate_limit: rateLimit,
  time_limit: timeLimit,
  add_consumer: addConsumer,
  cancel_consumer: cancelConsumer,
  pool_grow: resize(1),
  pool_shrink: resize(-1),
  autoscale,
  pool_restart: (_args, { worker }) => {
    if (!worker.pool.isRemote)
      throw new RangeError(
        'Pool restarts need children (prefork, threads): send HUP to start the worker again',
      )
    worker.pool.restart()
    return { ok: 'reload started' }
  },
  enable_events: switchEvents(true),
  disable_events: switchEvents(false),
  heartbeat: async (_args, { events }) => {
    await events.beat(5)
    return null
  },
  // Our workers need no leader: beat has its own election.
  election: () => null,
  shutdown: (_args: CommandArguments, { shutdown }: CommandPorts) => {
    // The reply is sent before the worker shuts down.
    setImmediate(shutdown)
    return { ok: 'shutting down' }
  },
}

function howOf({ terminate, signal }: CommandArguments): RevokeOptions {
  // Python's callers may send a number.
  const numbered = Object.entries(constants.signals).find(([, number]) => number === signal)?.[0]
  const name = typeof signal === 'string' ? signal.toUpperCase() : numbered
  const full = name?.startsWith('SIG') ? name : name && `SIG${name}`
  return {
    terminate: isTruthy(terminate),
    // Validated where a process is signalled.
    ...(full ? { signal: full as NodeJS.Signals } : {}),
  }
}

const keysOf = (header: string, values: unknown): readonly string[] =>
  [values].flat().map((value) => stampKey(header, value))

/** `{tenant: 'a'}`, `{tenant: ['a', 42]}`, or a command line's `['tenant=a']`. */
function stampsOf(headers: unknown): Readonly<Record<string, unknown>> {
  if (Array.isArray(headers)) {
    const stamps: Record<string, string> = Object.create(null)
    for (const one of texts(headers, 'headers')) {
      const [header = '', value] = one.split(/=(.*)/s)
      stamps[header] = text(value, `the value of ${header}`)
    }
    return stamps
  }
  if (typeof headers !== 'object' || headers === null)
    throw new TypeError('headers must be an object or a list')
  // Decoded from a message: a record of its own fields, of any values.
  return headers as Readonly<Record<string, unknown>>
}

function queueOf(name: string, args: CommandArguments): Queue {
  const { exchange, exchange_type: type, routing_key: routingKey } = args
  const isGiven = (value: unknown): boolean => value !== undefined && value !== null && value !== ''
  const exchangeType = (['direct', 'topic', 'fanout'] as const).find(
    (one): one is ExchangeType => one === type,
  )
  if (isGiven(type) && !exchangeType) throw new TypeError('exchange_type must be direct, topic or fanout')
  return {
    name,
    ...(isGiven(exchange) ? { exchange: entity(exchange, 'exchange') } : {}),
    ...(exchangeType ? { exchangeType } : {}),
    ...(isGiven(routingKey) ? { routingKey: entity(routingKey, 'routing_key') } : {}),
  }
}

/** Formats a set as Python does; nothing parses it. */
const set = (ids: readonly string[]): string => `{${ids.map((id) => reprValue(id)).join(', ')}}`
