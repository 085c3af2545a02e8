import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Command } from 'commander'
import { ConfigurationError } from '../../kernel/index.js'
import { forgetPidFile, isAlive, runningPid } from '../../node/index.js'
import { EXIT } from '../shared/exit-codes.js'
import { type MultiNode, nodesOf } from './nodes.js'
import { type MultiLine, parseMulti } from './parse.js'

/** How long `stopwait` and `restart` wait for a node; its own shutdown is bounded by its settings. */
const WAIT_MS = 660_000
const LOOK_MS = 50

/** Runs `lovage multi`: starts and stops several nodes in the background. Resolves to the exit code. */
export async function runMulti(
  globals: readonly string[],
  tokens: readonly string[],
  program: Command,
): Promise<number> {
  const worker = program.commands.find((command) => command.name() === 'worker')
  if (!worker) throw new TypeError('there is no worker command')
  const line = parseMulti(tokens, worker, program)
  const action = ACTIONS[line.action]
  if (!action || line.nodes.length === 0) {
    const problem = action ? 'No node was named' : `Unknown action ${line.action}`
    throw new ConfigurationError(`${problem}; valid actions are ${Object.keys(ACTIONS).join(', ')}.`, {
      code: 'LVG_USAGE',
      hint: 'lovage multi start w1 w2 -A src/app.ts, or with a number: lovage multi start 3 …',
    })
  }
  const nodes = nodesOf(line, globals)
  const done: boolean[] = []
  for (const node of nodes) done.push(await action(node, line))
  return done.every(Boolean) ? EXIT.ok : EXIT.failed
}

const ACTIONS: Readonly<Record<string, (node: MultiNode, line: MultiLine) => boolean | Promise<boolean>>> = {
  start,
  stop,
  stopwait: stopAndWait,
  stop_verify: stopAndWait,
  restart: async (node, line) => {
    await stopAndWait(node, line)
    return start(node)
  },
  kill: (node, line) => stopAndWait(node, { ...line, signal: 'SIGKILL' }),
  names: ({ name }) => tell(name),
  show: ({ argv }) => tell(['lovage', ...argv].map(quoted).join(' ')),
}

async function start({ name, argv, pidFile }: MultiNode): Promise<boolean> {
  const running = runningPid(pidFile)
  if (running !== undefined) {
    tell(`> ${name}: is already running as process ${running}`)
    return false
  }
  // This program's own entry file.
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1] ?? '', ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code === 0) return tell(`> ${name}: OK`)
  tell(`> ${name}: did not start (exit code ${code})\n${said.trimEnd()}`)
  return false
}

function stop({ name, pidFile }: MultiNode, { signal = 'SIGTERM' }: MultiLine): boolean {
  const pid = runningPid(pidFile)
  if (pid === undefined) return tell(`> ${name}: is not running`)
  process.kill(pid, signal)
  return tell(`> ${name}: ${typeof signal === 'number' ? `signal ${signal}` : signal} -> ${pid}`)
}

async function stopAndWait(node: MultiNode, line: MultiLine): Promise<boolean> {
  const pid = runningPid(node.pidFile)
  stop(node, line)
  // Its pid file is removed before it exits.
  for (const end = Date.now() + WAIT_MS; pid !== undefined && isAlive(pid); ) {
    if (Date.now() > end) {
      tell(`> ${node.name}: has not exited`)
      return false
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
  // A killed process could not remove it.
  forgetPidFile(node.pidFile)
  return true
}

function tell(text: string): true {
  process.stdout.write(`${text}\n`)
  return true
}

const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
