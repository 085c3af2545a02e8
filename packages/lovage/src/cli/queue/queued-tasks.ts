import { coreOf } from '../../app/core/index.js'
import type { Lovage } from '../../app/index.js'
import type { Due, OpenedTask, QueuedTask } from '../../app/operating/index.js'
import { ConfigurationError, counted } from '../../kernel/index.js'
import { encodeJson, parseTime } from '../../message/index.js'
import { confirm } from '../shared/confirm.js'
import { requireKnown } from '../shared/queue-names.js'
import { table } from '../shared/say.js'

/** The options of `lovage queue …`. */
export interface QueueCommandOptions {
  readonly state?: string
  readonly limit?: number
  readonly after?: string
  readonly countdown?: number
  readonly eta?: string
  readonly force?: boolean
  readonly json?: boolean
}

type ExitCode = 0 | 1

const STATES: readonly QueuedTask['state'][] = ['ready', 'delayed', 'unacked']

/** Prints one page. */
export async function list(
  app: Lovage,
  [queue = '']: readonly string[],
  { state, limit = 100, after, json }: QueueCommandOptions,
): Promise<ExitCode> {
  await requireKnown(coreOf(app), [queue])
  const wanted = STATES.find((one) => one === state)
  if (state !== undefined && wanted === undefined)
    throw usage(`${state} is not a state of a message.`, `Valid states: ${STATES.join(', ')}.`)
  const page = await app.queues.list(queue, {
    limit,
    ...(wanted ? { state: wanted } : {}),
    ...(after === undefined ? {} : { after }),
  })
  if (json) {
    console.log(JSON.stringify({ ...page, items: page.items.map(({ raw: _, ...task }) => task) }))
    return 0
  }
  const rows = page.items.map(
    ({ id, task, state, dueMs, holder, retries, argsrepr, kwargsrepr, ...more }) => [
      id,
      task ?? '-',
      state,
      dueMs === undefined ? '-' : timeOf(dueMs),
      holder === undefined ? '-' : nodeOf(holder),
      more.redeliveries ?? '-',
      retries,
      `${argsrepr} ${kwargsrepr}`.replaceAll('\n', ' ').slice(0, 100),
    ],
  )
  console.log(table(['id', 'task', 'state', 'due', 'held by', 'redeliveries', 'retries', 'arguments'], rows))
  if (page.next !== undefined) console.error(`More with --after '${page.next}'`)
  return 0
}

/** A holder's node: it is followed by an id that is new at every start. */
const nodeOf = (holder: string): string => holder.replace(/\.[0-9a-f-]{36}$/, '')

/** Prints tasks whole. */
export async function peek(
  app: Lovage,
  ids: readonly string[],
  { json }: QueueCommandOptions,
): Promise<ExitCode> {
  let code: ExitCode = 0
  for (const id of ids) {
    const task = await app.queues.peek(id)
    if (task) console.log(json ? asJson(task) : asText(task))
    else {
      console.error(`${id} is not in any queue.`)
      code = 1
    }
  }
  return code
}

/** Makes tasks run now. */
export async function promote(app: Lovage, ids: readonly string[]): Promise<ExitCode> {
  return tell(await app.queues.promote(ids), 'is due now', 'are due now')
}

/** Reschedules tasks. */
export async function reschedule(
  app: Lovage,
  ids: readonly string[],
  options: QueueCommandOptions,
): Promise<ExitCode> {
  const when = whenOf(options)
  const dueMs = 'eta' in when ? when.eta.getTime() : app.clock.now() + when.countdown * 1000
  const time = timeOf(dueMs)
  return tell(await app.queues.reschedule(ids, when), `is due at ${time}`, `are due at ${time}`)
}

/** Removes tasks after confirmation. */
export async function remove(
  app: Lovage,
  ids: readonly string[],
  { force }: QueueCommandOptions,
): Promise<ExitCode> {
  if (!force && !(await confirm(`This removes ${counted(ids.length, 'message')}, permanently.`))) {
    console.error('Nothing was removed.')
    return 1
  }
  return tell(await app.queues.remove(ids), 'removed', 'removed')
}

function whenOf({ countdown, eta }: QueueCommandOptions): Due {
  if ((countdown === undefined) === (eta === undefined))
    throw usage('When should they run?', 'Give --countdown or --eta.')
  if (countdown !== undefined) return { countdown }
  const dueMs = parseTime(eta ?? '')
  if (dueMs === undefined) throw usage(`${eta} is not a valid time.`, 'Write it as 2030-01-31T09:00:00Z.')
  return { eta: new Date(dueMs) }
}

/** Running or missing tasks do not count as done. */
function tell(done: number, one: string, many: string): ExitCode {
  console.log(`${counted(done, `message ${one}`, `messages ${many}`)}.`)
  return done === 0 ? 1 : 0
}

function asJson({ raw: _, ...task }: OpenedTask): string {
  return encodeJson(task)
}

function asText({
  id,
  task,
  queue,
  state,
  dueMs,
  retries,
  origin,
  args,
  kwargs,
  headers,
  unreadable,
}: OpenedTask): string {
  const facts: readonly (readonly [string, unknown])[] = [
    ['task', `${task ?? '?'} ${id}`],
    ['queue', queue],
    ['state', state],
    ...(dueMs === undefined ? [] : ([['due', timeOf(dueMs)]] as const)),
    ['retries', retries],
    ['origin', origin],
    ...(headers
      ? ([
          ['args', encodeJson(args)],
          ['kwargs', encodeJson(kwargs)],
          ['expires', headers.expires ?? '-'],
          ['root', headers.root_id ?? '-'],
          ['parent', headers.parent_id ?? '-'],
        ] as const)
      : ([['unreadable', unreadable]] as const)),
  ]
  return facts.map(([name, value]) => `${name.padEnd(10)}  ${String(value)}`).join('\n')
}

const timeOf = (ms: number): string => new Date(ms).toISOString()
const usage = (message: string, hint: string): ConfigurationError =>
  new ConfigurationError(message, { code: 'LVG_USAGE', hint })
