import { type Answers, type Done, openSchedules } from 'lovage'
import type { Fleet } from '../fleets/fleet.js'
import { forgetQueueLines } from '../fleets/queue-lines.js'
import { counted } from '../values/counted.js'
import type { Action } from './action.js'
import type { ActionOutcome } from './dashboard-actions.js'
import { Invalid, Refused } from './refused.js'
import { callOf } from './task-actions.js'
import type { WebhookAction } from './webhook-actions.js'

type FleetAction = Exclude<
  Action,
  | { readonly tasks: unknown }
  | { readonly letters: unknown }
  | { kind: 'job.stop' }
  | { kind: 'task.edit-retry' }
  | WebhookAction
>

const done = (message: string, count: number | null = null): ActionOutcome => ({
  status: 'done',
  message,
  count,
})

/** Performs an action on a queue, a schedule, a worker or the whole fleet. @throws {Refused} {Invalid} */
export async function actOnFleet(fleet: Fleet, action: FleetAction): Promise<ActionOutcome> {
  const { app } = fleet
  switch (action.kind) {
    case 'queue.pause':
      await app.control.pauseQueues(action.queue)
      forgetQueueLines(fleet)
      return done(`${action.queue} is paused: Lovage workers do not claim from it.`)
    case 'queue.resume': {
      const resumed = await app.control.resumeQueues(action.queue)
      forgetQueueLines(fleet)
      return done(resumed > 0 ? `${action.queue} is resumed.` : `${action.queue} was not paused.`)
    }
    case 'queue.purge': {
      const count = await app.queues.purge(action.queue)
      forgetQueueLines(fleet)
      return done(`${counted(count, 'message was', 'messages were')} removed from ${action.queue}.`, count)
    }
    case 'queue.move': {
      if (action.to === action.queue) throw new Invalid('A queue cannot be moved into itself.')
      const count = await app.queues.move(action.queue, action.to)
      forgetQueueLines(fleet)
      return done(`${counted(count, 'message was', 'messages were')} moved to ${action.to}.`, count)
    }
    case 'queue.promote': {
      const count = await app.queues.promote(action.ids)
      return done(`${counted(count, 'task runs', 'tasks run')} now instead of later.`, count)
    }
    case 'queue.remove': {
      const count = await app.queues.remove(action.ids)
      forgetQueueLines(fleet)
      return done(`${counted(count, 'task was', 'tasks were')} removed.`, count)
    }
    case 'schedule.run':
    case 'schedule.enable':
    case 'schedule.disable':
      return actOnSchedule(fleet, action)
    case 'letter.edit':
      await app.deadLetters.edit(action.id, callOf(action.args, action.kwargs))
      return done('The letter was sent back with different arguments.', 1)
    case 'worker.shutdown':
      await app.control.shutdown({ destination: action.destination, timeout: 0.1 })
      return done(`${action.destination} finishes its running tasks, and shuts down.`)
    case 'worker.pool-restart':
      return answered(action.destination, await app.control.poolRestart(to(action.destination)))
    case 'worker.pool-grow':
      return answered(action.destination, await app.control.poolGrow(action.n, to(action.destination)))
    case 'worker.pool-shrink':
      return answered(action.destination, await app.control.poolShrink(action.n, to(action.destination)))
    case 'worker.autoscale':
      return answered(
        action.destination,
        await app.control.autoscale(action.max, action.min, to(action.destination)),
      )
    case 'worker.add-consumer':
      return answered(action.destination, await app.control.addConsumer(action.queue, to(action.destination)))
    case 'worker.cancel-consumer':
      return answered(
        action.destination,
        await app.control.cancelConsumer(action.queue, to(action.destination)),
      )
    case 'limit.rate':
      await app.control.rateLimit(action.task, action.rate.trim() === '' ? null : action.rate)
      return done(
        `${action.task} may run ${action.rate.trim() === '' ? 'as its own options allow' : action.rate}.`,
      )
    case 'limit.time': {
      const { task, hard, soft, destination } = action
      const limits = { ...(hard === undefined ? {} : { hard }), ...(soft === undefined ? {} : { soft }) }
      const answers = await app.control.timeLimit(task, limits, all(fleet, destination))
      return answered(destination, answers)
    }
    case 'fleet.enable-events':
      return answered(action.destination, await app.control.enableEvents(all(fleet, action.destination)))
    case 'fleet.disable-events':
      return answered(action.destination, await app.control.disableEvents(all(fleet, action.destination)))
  }
}

/** Seconds until a worker is taken to be silent; its answer ends the wait. */
const PATIENCE = 5

const to = (destination: string) => ({ destination, timeout: PATIENCE })
/** One worker, or all that are alive: waiting ends when the last of them has answered. */
const all = (fleet: Fleet, destination: string | undefined) => {
  if (destination !== undefined) return to(destination)
  const alive = fleet.workers().filter(({ isAlive }) => isAlive).length
  return alive === 0 ? {} : { limit: alive, timeout: PATIENCE }
}

/** Summarises the workers' replies to a command. */
function answered(destination: string | undefined, answers: Answers<Done>): ActionOutcome {
  const entries = Object.entries(answers)
  const [error] = entries.flatMap(([name, answer]) =>
    answer.error === undefined ? [] : [`${name}: ${answer.error}`],
  )
  if (error !== undefined) throw new Refused(error)
  const [first] = entries
  if (!first)
    throw new Refused(
      destination === undefined ? 'No worker has replied.' : `${destination} has not replied.`,
    )
  return done(
    entries.length === 1
      ? `${first[0]}: ${first[1].ok ?? 'done'}`
      : `${counted(entries.length, 'worker has', 'workers have')} done it.`,
    entries.length,
  )
}

async function actOnSchedule(
  fleet: Fleet,
  {
    kind,
    entry,
  }: { readonly kind: 'schedule.run' | 'schedule.enable' | 'schedule.disable'; readonly entry: string },
): Promise<ActionOutcome> {
  await using schedules = await openSchedules(fleet.app)
  if (kind === 'schedule.run') {
    const taskId = await schedules.run(entry)
    return { ...done(`${entry} was sent once, now.`, 1), taskId }
  }
  if (kind === 'schedule.enable') await schedules.enable(entry)
  else await schedules.disable(entry)
  return done(
    kind === 'schedule.enable'
      ? `${entry} is enabled from now on.`
      : `${entry} does not run until it is enabled.`,
  )
}
