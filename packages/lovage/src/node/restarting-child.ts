import { type ChildProcess, spawn } from 'node:child_process'
import { isBeat, Watchdog } from './watchdog.js'

/** What a child process says to whoever restarts it: it works. */
export const READY = 'lovage:ready'

/** In the environment of one that is not the first in its place. */
export const RESTARTED = 'LOVAGE_RESTARTED'

/** How children are run. */
export interface RestartingChildOptions {
  /** After `node`. */
  readonly argv: readonly string[]
  /** Beside this process's own. */
  readonly env: NodeJS.ProcessEnv
  /** How long one may finish what runs before it is told to hand the rest back. */
  readonly patienceMs: number
  /** Told when it ends by itself. */
  readonly onEnd: (code: number | null, signal: NodeJS.Signals | null) => void
  /** Its event loop stands still for longer than its tasks may block it; it is killed now. */
  readonly onBlocked?: (silentMs: number) => void
}

/** One process after another. */
export class RestartingChild {
  readonly #options: RestartingChildOptions
  #child: ChildProcess | undefined
  #gone: Promise<void> = Promise.resolve()
  #ready: Promise<void> = Promise.resolve()
  #starts = 0
  #isExpected = false
  #isOver = false

  constructor(options: RestartingChildOptions) {
    this.#options = options
  }

  /** undefined = none runs. */
  get pid(): number | undefined {
    return this.#child?.pid
  }
  /** Resolves when the present child works, or has ended. */
  get ready(): Promise<void> {
    return this.#ready
  }

  start(): void {
    const { argv, env, onEnd, onBlocked } = this.#options
    const child = spawn(process.execPath, argv, {
      // A group of its own: Ctrl+C at the terminal comes to us, and from us to it, once.
      detached: true,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, ...env, ...(this.#starts++ > 0 ? { [RESTARTED]: '1' } : {}) },
    })
    this.#child = child
    this.#isExpected = false
    const watchdog = new Watchdog((silentMs) => {
      onBlocked?.(silentMs)
      child.kill('SIGKILL')
    })
    this.#gone = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#child = undefined
        watchdog.stop()
        if (!this.#isExpected) onEnd(code, signal)
        resolve()
      })
    })
    const works = new Promise<void>((resolve) => {
      child.on('message', (message) => {
        if (message === READY) resolve()
        if (isBeat(message)) watchdog.hear(message)
      })
    })
    this.#ready = Promise.race([works, this.#gone])
  }

  /** Ends the child, warm and after a while cold, and starts the next. Nothing is lost either way. */
  async restart(): Promise<void> {
    if (this.#isOver || this.#isExpected) return
    if (this.#child) {
      this.#isExpected = true
      this.#child.kill('SIGTERM')
      const impatient = setTimeout(() => this.#child?.kill('SIGQUIT'), this.#options.patienceMs)
      await this.#gone
      clearTimeout(impatient)
    }
    if (!this.#isOver) this.start()
  }

  /** Passes a signal on. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  /** Passes a signal on; resolves when the child is gone. No other follows. */
  async end(signal: NodeJS.Signals): Promise<void> {
    this.#isOver = true
    this.#isExpected = true
    this.#child?.kill(signal)
    await this.#gone
  }
}
