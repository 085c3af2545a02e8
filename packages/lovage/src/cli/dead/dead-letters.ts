import type { OpenedLetter } from '../../app/fleet/index.js'
import type { Lovage } from '../../app/index.js'
import type { LetterChoice } from '../../app/operating/index.js'
import type { DeadLetter, DeadLetterReason } from '../../dead-letter/index.js'
import { ConfigurationError, counted } from '../../kernel/index.js'
import { encodeJson } from '../../message/index.js'
import { confirm } from '../shared/confirm.js'
import type { GlobalOptions } from '../shared/open-app.js'
import { table } from '../shared/say.js'

/** The options of `lovage dead …`. */
export interface DeadCommandOptions extends GlobalOptions {
  readonly queue?: string
  readonly task?: string
  readonly reason?: DeadLetterReason
  readonly olderThan?: number
  readonly limit?: number
  readonly after?: string
  readonly all?: boolean
  readonly force?: boolean
  readonly rate?: number
  readonly to?: string
  readonly args?: readonly unknown[]
  readonly kwargs?: Readonly<Record<string, unknown>>
  readonly json?: boolean
  readonly reveal?: boolean
}

type ExitCode = 0 | 1

/** Prints one page. */
export async function list(
  app: Lovage,
  ids: readonly string[],
  options: DeadCommandOptions,
): Promise<ExitCode> {
  const { limit = 100, after, json } = options
  const page =
    ids.length > 0
      ? { items: await gathered(app, ids) }
      : await app.deadLetters.list({ ...filters(options), limit, ...(after ? { after } : {}) })
  if (json) {
    console.log(JSON.stringify({ ...page, items: page.items.map(({ raw: _, ...letter }) => letter) }))
    return 0
  }
  if (page.items.length === 0) {
    console.error('None found.')
    return 0
  }
  const rows = page.items.map(({ id, queue, task, reason, error, failedMs }) => [
    id,
    deadQueue(queue),
    task ?? '-',
    reason,
    timeOf(failedMs),
    oneLine(`${error.type}: ${error.message}`),
  ])
  console.log(table(['id', 'queue', 'task', 'reason', 'failed', 'error'], rows))
  if ('next' in page && page.next !== undefined) console.error(`More with --after '${page.next}'`)
  return 0
}

/** Prints letters whole. */
export async function show(
  app: Lovage,
  ids: readonly string[],
  { json, reveal }: DeadCommandOptions,
): Promise<ExitCode> {
  let code: ExitCode = 0
  for (const id of ids) {
    const found = await app.deadLetters.show(id)
    const call = found && !reveal ? app.deadLetters.shownCall(found) : found?.call
    const opened = found && { ...found, ...(call ? { call } : {}) }
    if (!opened) {
      console.error(`There is no dead letter ${id}.`)
      code = 1
    } else console.log(json ? asJson(opened) : asText(opened))
  }
  return code
}

/** Redrives letters. */
export async function retry(
  app: Lovage,
  ids: readonly string[],
  options: DeadCommandOptions,
): Promise<ExitCode> {
  const { rate, to } = options
  const { retried, unreadable } = await app.deadLetters.retry(chosen(ids, options), {
    ...(rate === undefined ? {} : { rate }),
    ...(to === undefined ? {} : { queue: to }),
  })
  console.log(`${counted(retried, 'dead letter')} sent again.`)
  if (retried === 0 && ids.length > 0 && unreadable.length === 0)
    console.error(`There is no dead letter ${ids.join(', ')}.`)
  if (unreadable.length > 0) console.error(`Not readable, and therefore kept: ${unreadable.join(', ')}`)
  return unreadable.length > 0 || (retried === 0 && ids.length > 0) ? 1 : 0
}

/** Redrives one letter with other arguments. */
export async function edit(
  app: Lovage,
  [id = '']: readonly string[],
  { args, kwargs, to }: DeadCommandOptions,
): Promise<ExitCode> {
  await app.deadLetters.edit(id, {
    ...(args ? { args } : {}),
    ...(kwargs ? { kwargs } : {}),
    ...(to === undefined ? {} : { queue: to }),
  })
  console.log('1 dead letter sent again.')
  return 0
}

/** Removes letters after confirmation. */
export async function purge(
  app: Lovage,
  ids: readonly string[],
  options: DeadCommandOptions,
): Promise<ExitCode> {
  const choice = chosen(ids, options)
  if (!options.force) {
    const { total } = await app.deadLetters.stats(choice)
    if (!(await confirm(`This removes ${counted(total, 'dead letter')}, permanently.`))) {
      console.error('Nothing was removed.')
      return 1
    }
  }
  console.log(`${counted(await app.deadLetters.purge(choice), 'dead letter')} removed.`)
  return 0
}

/** Prints counts. */
export async function stats(
  app: Lovage,
  _ids: readonly string[],
  options: DeadCommandOptions,
): Promise<ExitCode> {
  const found = await app.deadLetters.stats(filters(options))
  if (options.json) {
    console.log(JSON.stringify(found))
    return 0
  }
  console.log(
    `${counted(found.total, 'dead letter')}${found.oldestMs === null ? '' : `, the oldest of ${timeOf(found.oldestMs)}`}`,
  )
  for (const [head, counts] of [
    ['queue', Object.fromEntries(Object.entries(found.byQueue).map(([queue, n]) => [deadQueue(queue), n]))],
    ['task', found.byTask],
    ['reason', found.byReason],
    ['error', found.byError],
  ] as const) {
    if (found.total > 0) console.log(`\n${table([head, 'letters'], Object.entries(counts))}`)
  }
  return 0
}

function filters({ queue, task, reason, olderThan }: DeadCommandOptions) {
  return {
    // Shown with the suffix, so accepted with it too.
    ...(queue === undefined ? {} : { queue: queue.replace(/\.dead$/, '') }),
    ...(task === undefined ? {} : { task }),
    ...(reason === undefined ? {} : { reason }),
    ...(olderThan === undefined ? {} : { failedBeforeMs: Date.now() - olderThan * 86_400_000 }),
  }
}

/** The target of a verb that changes things; an empty selection never means everything. */
function chosen(ids: readonly string[], options: DeadCommandOptions): LetterChoice {
  if (ids.length > 0) return ids
  const conditions = filters(options)
  if (Object.keys(conditions).length > 0 || options.all) return conditions
  throw new ConfigurationError('Which dead letters?', {
    code: 'LVG_USAGE',
    hint: 'Give their ids, select with -Q, -t, --reason or --older-than, or use --all.',
  })
}

async function gathered(app: Lovage, ids: readonly string[]): Promise<readonly DeadLetter[]> {
  const letters: DeadLetter[] = []
  for await (const letter of app.deadLetters.each(ids)) letters.push(letter)
  return letters
}

function asJson({
  letter: { raw: _, ...letter },
  call,
  unreadable,
  attempts,
  redrives,
}: OpenedLetter): string {
  return encodeJson({ ...letter, ...call, ...(unreadable ? { unreadable } : {}), attempts, redrives })
}

function asText({ letter, call, unreadable, attempts, redrives }: OpenedLetter): string {
  const facts: readonly (readonly [string, unknown])[] = [
    ['letter', letter.id],
    ['task', `${letter.task ?? '?'} ${letter.taskId ?? ''}`],
    ['queue', deadQueue(letter.queue)],
    ['reason', letter.reason],
    ['worker', letter.worker],
    ['failed', timeOf(letter.failedMs)],
    ['retries', letter.retries],
    ['lost workers', letter.redeliveries],
    ['redrives', redrives],
    ...(call
      ? ([
          ['args', encodeJson(call.args)],
          ['kwargs', encodeJson(call.kwargs)],
          ['origin', call.headers.origin],
          ['root', call.headers.root_id],
          ['parent', call.headers.parent_id ?? '-'],
        ] as const)
      : ([['unreadable', unreadable]] as const)),
  ]
  const errors = attempts.map(
    ({ type, message, traceback, atMs }, index) =>
      `\nattempt ${index + 1}, ${timeOf(atMs)}: ${type}: ${message}${traceback ? `\n${traceback.trimEnd()}` : ''}`,
  )
  return [...facts.map(([name, value]) => `${name.padEnd(14)}${value}`), ...errors].join('\n')
}

/** Where the letters of a queue are, by the name that operators know; JSON has the queue they came from. */
const deadQueue = (queue: string): string => `${queue}.dead`
const timeOf = (ms: number): string => new Date(ms).toISOString()
const oneLine = (text: string): string => {
  const line = text.replace(/\s+/g, ' ')
  return line.length > 80 ? `${line.slice(0, 79)}…` : line
}
