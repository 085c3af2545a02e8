import { type OpenedTask, Queues } from '../app/operating/index.js'
import { priorityToWire } from '../app/routing/index.js'
import { decodeTask, formatTime } from '../message/index.js'
import type { Command, CommandPorts } from './command.js'

/** Delayed tasks in one reply: the earliest. */
const MOST = 1000
/** The priority that Python's timer assigns to every task with an ETA. */
const TIMER_PRIORITY = 6
/** How long a worker speaks for a queue, for one request. */
const SPEAKS_MS = 10_000

/** The fields of a waiting task in a reply. */
type Told = Pick<OpenedTask, 'id' | 'argsrepr' | 'kwargsrepr' | 'args' | 'kwargs' | 'priority'> & {
  readonly task?: string
  readonly shadow: string | null
  readonly queue: string
  readonly dueMs?: number
}

/**
 * Tasks waiting for their ETA, in the shape of Python's reply. They wait in the broker: one of the queue's workers that are asked lists
 * them, so that a fleet lists each once. Where the broker does not show its messages, each worker lists those that it has put aside.
 */
export const scheduled: Command = async (_args, ports) => {
  const { app, broker, worker } = ports
  if (!broker.capabilities.browsing) {
    const waiting = worker.putAside.list(app.clock.now()).slice(0, MOST)
    return waiting.map((one) => {
      const call = one.message && decodeTask(one.message, { integers: 'bigint' })
      const { args, kwargs } =
        call && !(call instanceof Error) ? call : { args: undefined, kwargs: undefined }
      const { id, task, shadow, argsrepr, kwargsrepr } = one.headers
      const { priority } = one.message?.properties ?? {}
      const told = { id, task, shadow, argsrepr, kwargsrepr, queue: one.queue, dueMs: one.untilMs }
      return shown(
        { ...told, ...(args ? { args, kwargs } : {}), ...(priority === undefined ? {} : { priority }) },
        ports,
      )
    })
  }
  const found: unknown[] = []
  for (const queue of worker.queues) {
    if (found.length >= MOST || !(await speaksFor(queue, ports))) continue
    const { items } = await new Queues(app).open(queue, { state: 'delayed', limit: MOST - found.length })
    for (const item of items) found.push(shown(item, ports))
  }
  return found
}

async function speaksFor(queue: string, { ticket, worker }: CommandPorts): Promise<boolean> {
  const grant = await worker.limits.store.acquire(`scheduled ${ticket} ${queue}`, worker.hostname, SPEAKS_MS)
  return grant !== undefined
}

function shown(item: Told, { app, broker, worker }: CommandPorts): unknown {
  const { id, task = '', shadow, dueMs, argsrepr, kwargsrepr, queue, priority } = item
  const hides = app.tasks.get(task)?.options.redact
  const { args, kwargs } = hides ? { args: undefined, kwargs: undefined } : item
  return {
    eta: dueMs === undefined ? null : formatTime(dueMs),
    priority: TIMER_PRIORITY,
    request: {
      id,
      name: shadow ?? task,
      type: task,
      args: args ?? argsrepr,
      kwargs: kwargs ?? kwargsrepr,
      hostname: worker.hostname,
      time_start: null,
      acknowledged: false,
      delivery_info: {
        exchange: '',
        routing_key: queue,
        priority: priority === undefined ? 0 : priorityToWire(broker.capabilities)(priority),
        redelivered: false,
      },
      worker_pid: null,
    },
  }
}
