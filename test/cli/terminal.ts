import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { until } from 'lovage/testing'
import { watch } from '../servers.js'

const MAIN = fileURLToPath(new URL('../../packages/lovage/dist/cli/main.js', import.meta.url))
const BRIDGE = fileURLToPath(new URL('./terminal.py', import.meta.url))

/** How a command in a terminal ended. */
export interface TerminalEnd {
  readonly code: number
  /** Whether the terminal's modes are as they were before. */
  readonly restored: boolean
}

/** A `lovage` command in a terminal of its own, 80 columns by 24 rows. Disposing of it kills it. */
export class CommandInTerminal implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly ended: Promise<TerminalEnd>
  /** All that was written to the terminal. */
  written = ''

  constructor(args: readonly string[], { cwd }: { readonly cwd: string }) {
    const command = [BRIDGE, '24', '80', process.execPath, MAIN, ...args]
    this.#child = spawn('/usr/bin/python3', command, {
      cwd,
      env: { PATH: process.env.PATH, HOME: cwd, TERM: 'xterm-256color' },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    })
    const watchdog = this.#child.pid === undefined ? undefined : watch(this.#child.pid, '')
    let said = ''
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.written += text
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    this.ended = once(this.#child, 'close').then(() => {
      watchdog?.kill('SIGKILL')
      try {
        return JSON.parse(said) as TerminalEnd
      } catch {
        throw new Error(`the terminal ended and said ${said}; it had shown:\n${this.written}`)
      }
    })
    this.ended.catch(() => {})
  }

  /** The rows of the last frame, without colours. */
  get screen(): readonly string[] {
    const frame = this.written.slice(this.written.lastIndexOf('\x1b[H'))
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what is to be seen is what is left without them.
    return frame.replace(/\x1b\[[?\d;]*[A-Za-z]/g, '').split(/\r+\n/)
  }

  /** Resolves when the screen shows this. */
  async shows(pattern: RegExp): Promise<void> {
    await until(() => pattern.test(this.screen.join('\n')), {
      timeoutMs: 20_000,
      what: `${pattern}; the screen is\n${this.screen.join('\n')}`,
    })
  }

  type(keys: string): void {
    this.#child.stdin?.write(keys)
  }
  resize(rows: number, columns: number): void {
    this.type(`\0resize ${rows} ${columns}`)
  }
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { pid } = this.#child
    if (this.#child.exitCode === null && this.#child.signalCode === null && pid !== undefined) {
      this.#child.kill('SIGTERM')
      await Promise.race([this.ended.catch(() => {}), new Promise((resolve) => setTimeout(resolve, 5000))])
      this.#child.kill('SIGKILL')
    }
    await this.ended.catch(() => {})
  }
}
