import type { OpenedTask } from 'lovage'
import type { Fleet } from '../fleets/fleet.js'
import { consumersOf, queueLines } from '../fleets/queue-lines.js'
import type { TaskEntry } from '../history/task-entry.js'
import type { WhyNot } from './tasks-page.js'

const WAITS: ReadonlySet<string> = new Set(['PENDING', 'RECEIVED', 'RETRY'])

/** Finds the reasons a task does not run, most certain first; empty when it is running, or has ended. */
export async function whyNot(
  fleet: Fleet,
  task: TaskEntry,
  queued: OpenedTask | undefined,
  isLost: boolean,
): Promise<readonly WhyNot[]> {
  if (isLost)
    return [
      {
        kind: 'worker-lost',
        message: `The worker ${task.worker} disappeared without notice.`,
        advice:
          'Its messages return to their queues when its lease expires (with Python workers: after the visibility timeout), if they are acknowledged late. Otherwise retry the task.',
      },
    ]
  if (!WAITS.has(task.state)) return []
  const why: WhyNot[] = []
  const nowMs = fleet.app.clock.now()
  const dueMs = queued?.dueMs ?? (task.eta === null ? undefined : Date.parse(task.eta))
  if (dueMs !== undefined && dueMs > nowMs)
    why.push({
      kind: task.state === 'RETRY' ? 'retry-wait' : 'delayed',
      message: `It waits for its time, ${new Date(dueMs).toISOString()}${task.state === 'RETRY' ? ', to be tried again' : ''}.`,
      advice: queued ? 'Run it now if it should not wait.' : null,
    })
  const queue = queued?.queue ?? task.queue
  if (queue !== null && queue !== undefined) why.push(...(await ofQueue(fleet, queue, queued)))
  const name = task.name ?? queued?.task
  if (name !== undefined && name !== null) why.push(...(await ofTask(fleet, name)))
  if (queued?.state === 'unacked' && why.length === 0)
    why.push({
      kind: 'held',
      message: 'A worker holds it, and has not started it.',
      advice: 'It starts when one of the worker’s slots is free; check what is running there.',
    })
  if (why.length === 0)
    why.push({
      kind: 'unknown',
      message: 'No known reason keeps it from running.',
      advice: queued
        ? null
        : 'It is in no queue that can be inspected: it may have been taken a moment ago, or be lost.',
    })
  return why
}

async function ofQueue(fleet: Fleet, queue: string, queued: OpenedTask | undefined): Promise<WhyNot[]> {
  await fleet.askSoon(['active_queues'])
  const lines = await queueLines(fleet)
  const line = lines?.find(({ name }) => name === queue)
  const why: WhyNot[] = []
  if (line?.isPaused)
    why.push({
      kind: 'paused',
      message: `Its queue ${queue} is paused.`,
      advice: `Resume it on the page of the queue, or with lovage resume ${queue}.`,
    })
  const alive = fleet.workers().filter(({ isAlive }) => isAlive)
  const consumers = consumersOf(fleet)?.get(queue) ?? []
  if (alive.length === 0)
    why.push({ kind: 'no-worker', message: 'No worker is alive.', advice: 'Start one.' })
  else if (consumersOf(fleet) && consumers.length === 0)
    why.push({
      kind: 'no-consumer',
      message: `No worker consumes its queue ${queue}.`,
      advice: `Start one with -Q ${queue}, or let one consume it on the page of workers.`,
    })
  if (queued?.state === 'ready' && line && line.ready > 1 && why.length === 0)
    why.push({
      kind: 'behind',
      message:
        line.ready === 2
          ? `1 other task waits in ${queue}, maybe before it.`
          : `${line.ready - 1} other tasks wait in ${queue}, some of them before it.`,
      advice: 'Add workers, or slots to them, if it takes too long.',
    })
  return why
}

async function ofTask(fleet: Fleet, name: string): Promise<WhyNot[]> {
  const { getOpenBreakers } = await import('lovage')
  const breakers = (await fleet.tried('broker', () => getOpenBreakers(fleet.app))) ?? []
  const open = breakers.find(({ task, state }) => task === name && state === 'open')
  if (open)
    return [
      {
        kind: 'breaker',
        message: `The circuit breaker ${open.key} is open until ${new Date(open.untilMs).toISOString()}.`,
        advice: 'Its next run is tried then; check why the task fails.',
      },
    ]
  const rate = fleet.app.tasks.get(name)?.options.rateLimit
  if (rate === undefined || rate === null || rate === 0 || rate === '') return []
  return [
    {
      kind: 'limited',
      message: `Its task may run ${rate} times, and may have to wait for its turn.`,
      advice: 'Change the rate on the page of limits if it is too low.',
    },
  ]
}
