import type { DeadLetterReason, LetterChoice } from 'lovage'
import { mayAs, type Person } from '../access/person.js'
import type { Fleet } from '../fleets/fleet.js'
import { forgetQueueLines } from '../fleets/queue-lines.js'
import type { NewAuditEntry } from '../history/audit-entry.js'
import type { JobLine } from '../history/job-line.js'
import { parseSearch } from '../search/parse-search.js'
import type { SearchNode } from '../search/search-node.js'
import { counted } from '../values/counted.js'
import { isWrongRequest } from '../values/is-wrong-request.js'
import { type Action, ROLE_OF } from './action.js'
import type { ActionCount, ActionOutcome, DashboardActions } from './dashboard-actions.js'
import { actOnFleet } from './fleet-actions.js'
import type { Jobs, Progress } from './jobs.js'
import { Invalid, Refused } from './refused.js'
import { actOnTasks, editAndRetry, type TaskAction } from './task-actions.js'
import { actOnWebhooks, type WebhookAction } from './webhook-actions.js'

/** The ports of actions. */
export interface ActionSource {
  readonly fleetOf: (name: string | undefined) => Fleet
  readonly jobs: Jobs
  readonly readOnly: boolean
}

type LetterAction = Extract<Action, { readonly letters: unknown }>

/** Tasks per batch of a job. */
const PIECE = 200
/** The counting limit: beyond it, the count is "at least this many". */
const MOST_COUNTED = 100_000

/** Performs users' actions: checks them, runs them, and writes the audit log. */
export function liveActions({ fleetOf, jobs, readOnly }: ActionSource): DashboardActions {
  const perform = async (
    person: Person,
    fleetName: string | undefined,
    action: Action,
  ): Promise<ActionOutcome> => {
    const fleet = fleetOf(fleetName)
    const outcome = await attempt(() => act(fleet, person, action))
    await write(fleet, person, action, outcome)
    return outcome
  }

  const act = async (fleet: Fleet, person: Person, action: Action): Promise<ActionOutcome> => {
    if (readOnly)
      throw new Refused('Read only mode is enabled: nothing can be changed through this dashboard.')
    const role = ROLE_OF[action.kind]
    if (!mayAs(person.role, role))
      throw new Refused(`${action.kind} needs the role ${role}; ${person.name} has ${person.role}.`)
    if ('tasks' in action)
      return 'ids' in action.tasks
        ? some(fleet, action, action.tasks.ids)
        : bulk(fleet, person, action, action.tasks)
    if ('letters' in action) return letters(fleet, person, action)
    if (action.kind === 'task.edit-retry') {
      const taskId = await editAndRetry(fleet, action)
      return {
        status: 'done',
        message: `It was sent again with different arguments, as ${taskId}.`,
        count: 1,
        taskId,
      }
    }
    if (action.kind === 'job.stop') {
      if (!jobs.stop(action.id)) throw new Invalid('There is no such running job.')
      return { status: 'done', message: 'The job stops after its current step.', count: null }
    }
    return isOnWebhooks(action) ? actOnWebhooks(fleet, action) : actOnFleet(fleet, action)
  }

  const some = async (fleet: Fleet, action: TaskAction, ids: readonly string[]): Promise<ActionOutcome> => {
    const { done, failed, why, taskId } = await actOnTasks(fleet, action, ids)
    const reached = `${VERBS[action.kind]} ${counted(done, 'task')}.`
    return {
      status: done === 0 && failed > 0 ? 'invalid' : 'done',
      message: [done > 0 || failed === 0 ? reached : '', ...why.slice(0, 3)]
        .filter((part) => part !== '')
        .join(' '),
      count: done,
      ...(taskId === undefined ? {} : { taskId }),
    }
  }

  const bulk = async (
    fleet: Fleet,
    person: Person,
    action: TaskAction,
    { search, expected }: { readonly search: string; readonly expected: number },
  ): Promise<ActionOutcome> => {
    const node = nodeOf(fleet, search)
    const work = async function* (signal: AbortSignal): AsyncGenerator<Progress> {
      for await (const ids of found(fleet, node, signal)) yield await actOnTasks(fleet, action, ids)
    }
    return begin(fleet, person, action, search, expected, work)
  }

  const letters = async (fleet: Fleet, person: Person, action: LetterAction): Promise<ActionOutcome> => {
    const { deadLetters } = fleet.app
    const run = async (choice: LetterChoice, signal?: AbortSignal): Promise<Progress> => {
      forgetQueueLines(fleet)
      if (action.kind === 'letter.purge') return { done: await deadLetters.purge(choice), failed: 0 }
      const { queue, rate } = action
      const { retried, unreadable } = await deadLetters.retry(choice, {
        ...(queue === undefined ? {} : { queue }),
        ...(rate === undefined ? {} : { rate }),
        ...(signal ? { signal } : {}),
      })
      return { done: retried, failed: unreadable.length }
    }
    const verb = action.kind === 'letter.purge' ? 'removed' : 'sent back to the queue'
    if ('ids' in action.letters) {
      const { done, failed } = await run(action.letters.ids)
      if (done + failed === 0) throw new Invalid(`There is no dead letter ${action.letters.ids.join(', ')}.`)
      const rest =
        failed > 0 ? ` ${counted(failed, 'cannot be read, and is', 'cannot be read, and are')} kept.` : ''
      const status = done === 0 ? 'failed' : 'done'
      return {
        status,
        message: `${counted(done, 'letter was', 'letters were')} ${verb}.${rest}`,
        count: done,
      }
    }
    const { filter, expected } = action.letters
    const choice = filterOf(filter)
    const rate = action.kind === 'letter.redrive' ? action.rate : undefined
    const size = rate === undefined ? PIECE : Math.min(PIECE, Math.max(1, Math.ceil(rate / 10)))
    const work = async function* (signal: AbortSignal): AsyncGenerator<Progress> {
      for await (const ids of chosen(fleet, choice, size)) {
        try {
          yield await run(ids, signal)
        } catch (error) {
          if (!signal.aborted) throw error
          // It was stopped in the pause that keeps the rate, after these had been sent.
          yield { done: ids.length, failed: 0 }
        }
        if (signal.aborted) return
      }
    }
    return begin(fleet, person, action, JSON.stringify(filter), expected, work)
  }

  const begin = async (
    fleet: Fleet,
    person: Person,
    action: Action,
    target: string,
    expected: number,
    work: (signal: AbortSignal) => AsyncIterable<Progress>,
  ): Promise<ActionOutcome> => {
    const jobId = await jobs.begin(
      fleet,
      { action: action.kind, target, expected },
      person,
      work,
      async (job) => {
        const details = job.error ?? (job.failed > 0 ? `${job.failed} could not be processed` : '')
        await audit(
          fleet,
          person,
          action.kind,
          target,
          job.done,
          job.state === 'failed' ? 'failed' : 'done',
          details,
        )
      },
    )
    return {
      status: 'begun',
      message: `It continues in the background, for about ${expected}.`,
      count: expected,
      jobId,
    }
  }

  return {
    perform,
    count: async (fleetName, action) => {
      const fleet = fleetOf(fleetName)
      if ('tasks' in action)
        return 'ids' in action.tasks
          ? exactly(action.tasks.ids.length)
          : countFound(fleet, nodeOf(fleet, action.tasks.search))
      if ('letters' in action)
        return 'ids' in action.letters
          ? exactly(action.letters.ids.length)
          : countLetters(fleet, filterOf(action.letters.filter))
      if (action.kind === 'queue.purge' || action.kind === 'queue.move') {
        const [report] = await fleet.app.queues.report([action.queue])
        return exactly((report?.ready ?? 0) + (action.kind === 'queue.purge' ? (report?.delayed ?? 0) : 0))
      }
      return exactly('ids' in action ? action.ids.length : 1)
    },
  }
}

const isOnWebhooks = (action: Action): action is WebhookAction => action.kind.startsWith('webhook.')

const VERBS: Readonly<Record<TaskAction['kind'], string>> = {
  'task.retry': 'Sent again:',
  'task.revoke': 'Revoked:',
  'task.terminate': 'Terminated:',
  'task.abort': 'Asked to abort:',
}

const exactly = (count: number): ActionCount => ({ count, isExact: true })

/** Turns any error into an outcome. */
async function attempt(work: () => Promise<ActionOutcome>): Promise<ActionOutcome> {
  try {
    return await work()
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const status =
      error instanceof Refused
        ? 'refused'
        : error instanceof Invalid || isWrongRequest(error)
          ? 'invalid'
          : 'failed'
    return { status, message, count: null }
  }
}

function nodeOf(fleet: Fleet, search: string): SearchNode {
  const parsed = parseSearch(search, { nowMs: fleet.app.clock.now() })
  if (parsed.ok) return parsed.node
  throw new Invalid(`Invalid search: ${parsed.error.message} at position ${parsed.error.position}.`)
}

/** Yields everything that a search finds, a batch at a time, from the currently newest to the oldest. */
async function* found(
  fleet: Fleet,
  node: SearchNode,
  signal: AbortSignal,
): AsyncGenerator<readonly string[]> {
  let before: number | undefined
  do {
    const page = await fleet.store.tasks({
      plan: { node },
      limit: PIECE,
      ...(before === undefined ? {} : { before }),
    })
    if (page.items.length > 0) yield page.items.map(({ id }) => id)
    before = page.next
  } while (before !== undefined && !signal.aborted)
}

/** While the history cannot be read, nothing is known; the page says why. */
async function countFound(fleet: Fleet, node: SearchNode): Promise<ActionCount> {
  const counted = await fleet.tried('history', () => fleet.store.count(node, MOST_COUNTED))
  return counted ?? { count: 0, isExact: false }
}

/** Yields the letters that are chosen, a batch at a time. */
async function* chosen(fleet: Fleet, choice: LetterChoice, size: number): AsyncGenerator<readonly string[]> {
  let ids: string[] = []
  for await (const { id } of fleet.app.deadLetters.each(choice)) {
    ids.push(id)
    if (ids.length < size) continue
    yield ids
    ids = []
  }
  if (ids.length > 0) yield ids
}

async function countLetters(fleet: Fleet, choice: LetterChoice): Promise<ActionCount> {
  let count = 0
  for await (const _ of fleet.app.deadLetters.each(choice))
    if (++count >= MOST_COUNTED) return { count, isExact: false }
  return exactly(count)
}

type LetterFilter = Extract<LetterAction['letters'], { readonly filter: unknown }>['filter']

function filterOf({
  queue,
  task,
  reason,
  failedBeforeMs,
}: LetterFilter): Exclude<LetterChoice, string | readonly string[]> {
  return {
    ...(queue === undefined ? {} : { queue }),
    ...(task === undefined ? {} : { task }),
    // An unknown reason matches nothing.
    ...(reason === undefined ? {} : { reason: reason as DeadLetterReason }),
    ...(failedBeforeMs === undefined ? {} : { failedBeforeMs }),
  }
}

const LONGEST_TARGET = 500

/** Writes to the audit log that a job did not come to its end. */
export async function auditInterrupted(fleet: Fleet, job: JobLine): Promise<void> {
  // The role was written when the job began; this is the least that may begin one.
  const person: Person = { name: job.person, role: 'operator' }
  await audit(fleet, person, job.action, job.target, job.done, 'failed', job.error ?? '')
}

async function write(fleet: Fleet, person: Person, action: Action, outcome: ActionOutcome): Promise<void> {
  const { status, message, count } = outcome
  await audit(fleet, person, action.kind, targetOf(action), count, status, message)
}

async function audit(
  fleet: Fleet,
  { name, role }: Person,
  action: string,
  target: string,
  count: number | null,
  outcome: NewAuditEntry['outcome'],
  details: string,
): Promise<void> {
  const entry = {
    ms: fleet.app.clock.now(),
    person: name,
    role,
    action,
    target: target.slice(0, LONGEST_TARGET),
    count,
    outcome,
    details: details.slice(0, LONGEST_TARGET),
  }
  // If the audit log cannot be written, the action was done anyway: the process's own log records it.
  await fleet.tried('history', () => fleet.store.audit([entry]))
  fleet.app.logger.info({ audit: entry }, `${name}: ${action} ${entry.target}`)
}

/** The target of an action. Typed arguments are not logged. */
function targetOf(action: Action): string {
  if ('tasks' in action) return 'ids' in action.tasks ? action.tasks.ids.join(' ') : action.tasks.search
  if ('letters' in action)
    return 'ids' in action.letters ? action.letters.ids.join(' ') : JSON.stringify(action.letters.filter)
  if ('ids' in action) return action.ids.join(' ')
  if ('entry' in action) return action.entry
  if ('endpoint' in action) return action.endpoint
  if ('queue' in action && 'to' in action) return `${action.queue} → ${action.to}`
  if ('task' in action) return action.task
  if ('destination' in action && action.destination !== undefined)
    return 'queue' in action ? `${action.destination} ${action.queue}` : action.destination
  if ('queue' in action && action.queue !== undefined) return action.queue
  return 'id' in action ? action.id : 'all'
}
