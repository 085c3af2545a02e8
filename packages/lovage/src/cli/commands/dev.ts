import { type ChildProcess, spawn } from 'node:child_process'
import { watch } from 'node:fs'
import { resolve } from 'node:path'
import type { WorkerCommandOptions } from '../worker-options.js'

/** Changes of one moment (a save, a checkout) make one restart. */
const SETTLE_MS = 150
const SOURCE = /\.([cm]?[jt]sx?|json)$/
const IGNORED = /(^|[\\/])(node_modules|dist|\.git|\.lovage)([\\/]|$)/

/** `lovage dev`: the worker runs in a child, which is stopped warm and started again when a source file changes. */
export async function dev(
  options: WorkerCommandOptions & { readonly watch?: readonly string[] },
): Promise<void> {
  const folders = (options.watch ?? ['.']).map((folder) => resolve(options.workdir ?? '.', folder))
  const args = workerArguments(process.argv.slice(2))
  let child = startChild(args)
  let restarting: NodeJS.Timeout | undefined
  const restart = (file: string): void => {
    clearTimeout(restarting)
    restarting = setTimeout(async () => {
      process.stdout.write(`${file} changed: starting again\n`)
      await stopChild(child)
      child = startChild(args)
    }, SETTLE_MS)
  }
  const watchers = folders.map((folder) =>
    watch(folder, { recursive: true }, (_event, file) => {
      if (file && SOURCE.test(file) && !IGNORED.test(file)) restart(file)
    }),
  )
  const signal = await new Promise<NodeJS.Signals>((told) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGQUIT'] as const) process.once(name, () => told(name))
  })
  clearTimeout(restarting)
  for (const watcher of watchers) watcher.close()
  await stopChild(child, signal === 'SIGQUIT' ? 'SIGQUIT' : 'SIGTERM')
}

/** The same command line with `worker` in place of `dev`, without what only `dev` knows. */
function workerArguments(given: readonly string[]): readonly string[] {
  const args: string[] = []
  for (let index = 0; index < given.length; index++) {
    const word = given[index] ?? ''
    if (word === '--watch') index++
    else if (!word.startsWith('--watch='))
      args.push(word === 'dev' && !args.includes('worker') ? 'worker' : word)
  }
  return args
}

function startChild(args: readonly string[]): ChildProcess {
  const main = process.argv[1]
  if (main === undefined) throw new TypeError('dev is run by the lovage command')
  return spawn(process.execPath, [...process.execArgv, main, ...args], { stdio: 'inherit' })
}

async function stopChild(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill(signal)
  await ended
}
