import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { until } from 'lovage/testing'
import { watch } from '../servers.js'

/** The command's program. */
export const MAIN = fileURLToPath(new URL('../../packages/lovage/dist/cli/main.js', import.meta.url))

/** How a command is started. */
export interface CommandOptions {
  readonly cwd: string
  readonly env?: NodeJS.ProcessEnv
  /** What is started with the arguments. Default: node with the command's program. */
  readonly program?: readonly [file: string, ...args: string[]]
  /** Written to its standard input, which is then closed. */
  readonly input?: string
}

/** A running `lovage` command of the built package. Disposing of it kills it. */
export class Command implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly exited: Promise<number | NodeJS.Signals>
  stdout = ''
  stderr = ''

  constructor(args: readonly string[], { cwd, env = {}, program, input }: CommandOptions) {
    const [file, ...first] = program ?? [process.execPath, MAIN]
    this.#child = spawn(file, [...first, ...args], {
      cwd,
      env: { PATH: process.env.PATH, HOME: cwd, NO_COLOR: '1', ...env },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      detached: true,
    })
    // It must not outlive the test, however that ends.
    const watchdog = this.#child.pid === undefined ? undefined : watch(this.#child.pid, '')
    this.#child.stdin?.end(input)
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    // 'close' comes when all output is read, with one of the two.
    this.exited = once(this.#child, 'close').then(([code, signal]) => {
      watchdog?.kill('SIGKILL')
      return (code ?? signal) as number | NodeJS.Signals
    })
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('the command did not start')
    return this.#child.pid
  }
  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Resolves when standard error holds this, so many times; rejects when the command ends without it. */
  async says(pattern: RegExp, times = 1): Promise<void> {
    const all = new RegExp(pattern, 'g')
    await until(
      () => {
        const found = this.stderr.match(all)?.length ?? 0
        if (found < times && !this.isRunning) throw new Error(`it ended and said:\n${this.stderr}`)
        return found >= times
      },
      { what: `${pattern}; it said:\n${this.stderr}`, timeoutMs: 15_000 },
    )
  }

  /** Its log lines, read as JSON. */
  get log(): readonly Record<string, unknown>[] {
    const lines = this.stderr.split('\n').filter((line) => line.startsWith('{'))
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isRunning) this.#child.kill('SIGKILL')
    await this.exited
  }
}

/** Runs a command to its end. */
export async function lovage(args: readonly string[], options: CommandOptions) {
  await using command = new Command(args, options)
  const code = await command.exited
  return { code, stdout: command.stdout.trimEnd(), stderr: command.stderr.trimEnd() }
}
