import type { Command } from 'commander'
import type { Answers, BroadcastOptions } from '../../app/fleet/index.js'
import { counted, globSource } from '../../kernel/index.js'
import { EXIT } from './exit-codes.js'
import type { GlobalOptions } from './open-app.js'
import { secondsOf } from './option-values.js'
import { bindWords, INSPECTIONS, ORDERS, type RemoteCommand } from './remote-commands.js'

/** Options of the commands that query nodes. */
export interface AskOptions extends GlobalOptions {
  readonly destination?: string
  readonly timeout?: number
  readonly json?: boolean
  /** For revocations: whether running tasks are stopped. */
  readonly terminate?: boolean
  /** For revocations: the signal sent to children. */
  readonly signal?: NodeJS.Signals
}

/** Adds the options common to all of them. */
export function withAskOptions(command: Command): Command {
  return withTimeoutAndJson(
    command.option(
      '-d, --destination <names>',
      'nodes to address, separated by commas; `w*@box` is a pattern, and a name without @ matches any machine; default: all',
    ),
  )
}

/** Adds those whose letters are free in every command. */
export function withTimeoutAndJson(command: Command): Command {
  return command
    .option('-t, --timeout <seconds>', 'how long to wait for replies', secondsOf, 1)
    .option('-j, --json', 'print JSON')
}

export const broadcastOptions = ({ destination, timeout }: AskOptions): BroadcastOptions => ({
  ...(destination === undefined ? {} : nodesOf(destination)),
  ...(timeout === undefined ? {} : { timeout }),
})

/** Nodes by full names, or by patterns: `w*@box`, and `w1`, a name from `multi`, on any machine. */
export function nodesOf(destination: string): Pick<BroadcastOptions, 'destination' | 'pattern' | 'matcher'> {
  const names = destination
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  if (names.every((name) => name.includes('@') && !/[*?[]/.test(name))) return { destination: names }
  const globs = names.map((name) => (name.includes('@') ? name : `${name}@*`))
  const [pattern] = globs
  if (globs.length === 1 && pattern !== undefined) return { pattern }
  // A request holds one pattern, but a regular expression can hold alternatives.
  return { pattern: `(?:${globs.map(globSource).join('|')})`, matcher: 'pcre' }
}

/** Sends a command to nodes, and prints their replies. */
export async function askNodes(
  commands: readonly RemoteCommand[],
  words: readonly string[],
  options: AskOptions,
): Promise<void> {
  const [name = '', ...rest] = words
  const { useApp } = await import('./use-app.js')
  const { freeRevoked, revoke, revokeByStamps } = await import('../../app/fleet/index.js')
  const { LovageError, nearest } = await import('../../kernel/index.js')
  const known = commands.find((one) => one.name === name)
  const names = commands.map((one) => one.name)
  const near = nearest(name, names)
  if (!known && OTHERS.has(name)) {
    const [here, there] = commands === ORDERS ? ['control', 'inspect'] : ['inspect', 'control']
    throw new LovageError(`${name} is a command of ${there}, not of ${here}.`, {
      code: 'LVG_USAGE',
      hint: `lovage ${there} ${words.join(' ')}`,
    })
  }
  // A custom command is sent unchanged; nodes that do not know it reply with an error.
  const args = known ? bindWords(known, rest) : { args: rest }
  if (typeof args === 'string' || name === '') {
    throw new LovageError(typeof args === 'string' && name !== '' ? args : 'Say which command to send.', {
      code: 'LVG_USAGE',
      hint: known ? `Usage: ${[name, ...known.parameters].join(' ')}` : `One of ${names.join(', ')}.`,
    })
  }
  const { terminate, signal } = options
  const how = { ...(terminate ? { terminate } : {}), ...(signal === undefined ? {} : { signal }) }
  if (Object.keys(how).length > 0 && !LASTING.has(name))
    throw new LovageError(`--terminate and --signal belong to ${[...LASTING].join(' and ')}.`, {
      code: 'LVG_USAGE',
    })
  await useApp(options, 'settings', async ({ app, core }) => {
    const keep = async (): Promise<void> => {
      if (name === 'revoke') await revoke(core, rest, how)
      if (name === 'revoke_by_stamped_headers') await revokeByStamps(core, stampsOf(rest), how)
    }
    // Workers follow the stored revocations: they would already have stopped running tasks when asked, and reply that there are none.
    if (!terminate) await keep()
    const answers = await app.control.broadcast(name, { ...args, ...how }, broadcastOptions(options))
    if (terminate) await keep()
    if (name === 'revoke') await freeRevoked(core, rest)
    print(name, answers, options.json === true)
    // It could have been a custom command, so it was sent; no node knew it.
    if (!known && Object.values(answers).every((answer) => errorIn(answer) !== undefined)) {
      console.error(`${name} is not a command of Celery’s${near ? `: did you mean ${near}?` : '.'}`)
      console.error(`One of ${names.join(', ')}.`)
    }
  })
}

/** Commands that take effect even without a running worker. */
const LASTING: ReadonlySet<string> = new Set(['revoke', 'revoke_by_stamped_headers'])

/** Inspect and control commands. */
const OTHERS: ReadonlySet<string> = new Set([...INSPECTIONS, ...ORDERS].map(({ name }) => name))

function stampsOf(words: readonly string[]): Readonly<Record<string, readonly string[]>> {
  const stamps: Record<string, string[]> = {}
  for (const word of words) {
    const [header = '', value = ''] = word.split(/=(.*)/s)
    stamps[header] = [...(stamps[header] ?? []), value]
  }
  return stamps
}

/** Prints replies as Celery does: node, status, and reply. No replies has its own exit code. */
function print(name: string, answers: Answers<unknown>, isJson: boolean): void {
  const nodes = Object.entries(answers)
  if (isJson) console.log(JSON.stringify(answers))
  if (nodes.length === 0) {
    if (LASTING.has(name)) {
      console.error(
        'No node replied within the time. It is in force all the same, also for workers that start later.',
      )
      return
    }
    process.exitCode = EXIT.unavailable
    console.error('Error: No nodes replied within time constraint')
    if (name === 'shutdown') console.error('Python workers shut down without a reply: check with `status`.')
    return
  }
  if (isFailure(nodes.map(([, answer]) => errorIn(answer)))) process.exitCode = EXIT.failed
  if (isJson) return
  for (const [node, answer] of nodes) {
    const error = errorIn(answer)
    console.log(`->  ${node}: ${error === undefined ? 'OK' : 'ERROR'}`)
    for (const line of linesOf(error ?? answer)) console.log(`    ${line}`)
  }
  if (name === 'ping') console.log(`\n${counted(nodes.length, 'node')} online.`)
}

/**
 * Whether a command failed. With tasks in two languages, each node knows only its own: a node that does not know the task is ignored, as
 * long as another one succeeded.
 */
function isFailure(errors: readonly (string | undefined)[]): boolean {
  return errors.some((error) => error !== undefined && error !== 'unknown task') || errors.every(Boolean)
}

function errorIn(answer: unknown): string | undefined {
  const error = typeof answer === 'object' && answer !== null && 'error' in answer ? answer.error : undefined
  return typeof error === 'string' ? error : undefined
}

function linesOf(answer: unknown): readonly string[] {
  if (typeof answer === 'string') return answer.split('\n')
  if (typeof answer === 'object' && answer !== null && 'ok' in answer && typeof answer.ok === 'string')
    return answer.ok.split('\n')
  if (Array.isArray(answer)) {
    if (answer.length === 0) return ['- empty -']
    return answer.flatMap((item) =>
      typeof item === 'string' ? [`* ${item}`] : JSON.stringify(item, null, 2).split('\n'),
    )
  }
  return JSON.stringify(answer, null, 2).split('\n')
}
