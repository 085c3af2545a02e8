import type { Command } from 'commander'
import type { Answers, BroadcastOptions } from '../app/index.js'
import { globSource } from '../kernel/index.js'
import { EXIT } from './exit-codes.js'
import type { GlobalOptions } from './open-app.js'
import { bindWords, type RemoteCommand } from './remote-commands.js'

/** Options of the commands that ask nodes. */
export interface AskOptions extends GlobalOptions {
  readonly destination?: string
  readonly timeout?: number
  readonly json?: boolean
}

/** Adds the options that all of them have. */
export function withAskOptions(command: Command): Command {
  return withTimeoutAndJson(
    command.option(
      '-d, --destination <names>',
      'nodes that are meant, as a comma list; `w*@box` is a pattern, and a name without @ is on any machine; all when absent',
    ),
  )
}

/** Adds those of them whose letters are free everywhere. */
export function withTimeoutAndJson(command: Command): Command {
  return command
    .option('-t, --timeout <seconds>', 'how long to wait for answers', Number, 1)
    .option('-j, --json', 'print JSON')
}

export const broadcastOptions = ({ destination, timeout }: AskOptions): BroadcastOptions => ({
  ...(destination === undefined ? {} : nodesOf(destination)),
  ...(timeout === undefined ? {} : { timeout }),
})

/** Nodes by full names, or by patterns: `w*@box`, and `w1`, as `multi` names it, on any machine. */
export function nodesOf(destination: string): Pick<BroadcastOptions, 'destination' | 'pattern' | 'matcher'> {
  const names = destination
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  if (names.every((name) => name.includes('@') && !/[*?[]/.test(name))) return { destination: names }
  const globs = names.map((name) => (name.includes('@') ? name : `${name}@*`))
  const [pattern] = globs
  if (globs.length === 1 && pattern !== undefined) return { pattern }
  // There is room for one pattern in a request, and for alternatives in an expression.
  return { pattern: `(?:${globs.map(globSource).join('|')})`, matcher: 'pcre' }
}

/** Asks nodes one of the commands, and prints what they answer. */
export async function askNodes(
  commands: readonly RemoteCommand[],
  words: readonly string[],
  options: AskOptions,
): Promise<void> {
  const [name = '', ...rest] = words
  const { useApp } = await import('./use-app.js')
  const { revoke, revokeByStamps } = await import('../app/index.js')
  const { LovageError, nearest } = await import('../kernel/index.js')
  const known = commands.find((one) => one.name === name)
  // A command of the app's own is sent as it is; nodes that do not know it say so.
  const args = known ? bindWords(known, rest) : { args: rest }
  if (typeof args === 'string' || name === '') {
    const message = typeof args === 'string' && name !== '' ? args : 'Say what to ask.'
    const near = nearest(
      name,
      commands.map((one) => one.name),
    )
    throw new LovageError(message, {
      code: 'LVG_USAGE',
      hint:
        near && near !== name
          ? `Did you mean ${near}?`
          : `One of ${commands.map((one) => one.name).join(', ')}.`,
    })
  }
  await useApp(options, 'settings', async (app) => {
    // These hold with no worker up as well.
    if (name === 'revoke') await revoke(app, rest, {})
    if (name === 'revoke_by_stamped_headers') await revokeByStamps(app, stampsOf(rest), {})
    print(name, await app.control.broadcast(name, args, broadcastOptions(options)), options.json === true)
  })
}

function stampsOf(words: readonly string[]): Readonly<Record<string, readonly string[]>> {
  const stamps: Record<string, string[]> = {}
  for (const word of words) {
    const [header = '', value = ''] = word.split(/=(.*)/s)
    stamps[header] = [...(stamps[header] ?? []), value]
  }
  return stamps
}

/** Prints answers as Celery does: a node, how it went, and what it says. Nobody there is an exit code of its own. */
function print(name: string, answers: Answers<unknown>, isJson: boolean): void {
  const nodes = Object.entries(answers)
  if (isJson) console.log(JSON.stringify(answers))
  if (nodes.length === 0) {
    process.exitCode = EXIT.unavailable
    console.error('Error: No nodes replied within time constraint')
    if (name === 'shutdown') console.error('Python’s workers end without an answer: look with `status`.')
    return
  }
  if (nodes.some(([, answer]) => errorIn(answer) !== undefined)) process.exitCode = EXIT.failed
  if (isJson) return
  for (const [node, answer] of nodes) {
    const error = errorIn(answer)
    console.log(`->  ${node}: ${error === undefined ? 'OK' : 'ERROR'}`)
    for (const line of linesOf(error ?? answer)) console.log(`    ${line}`)
  }
  if (name === 'ping') console.log(`\n${nodes.length} ${nodes.length === 1 ? 'node' : 'nodes'} online.`)
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
