import { type ChildProcess, spawn } from 'node:child_process'
import { type DeadHolders, isHolds, isReleased } from './dead-holders.js'
import { isBeat, Watchdog } from './watchdog.js'

/** The message of a child process to its supervisor: it is ready. */
export const READY = 'lovage:ready'

/** Set in the environment of a restarted child. */
export const RESTARTED = 'LOVAGE_RESTARTED'

/** The options of a restarting child. */
export interface RestartingChildOptions {
  /** The arguments after `node`. */
  readonly argv: readonly string[]
  /** Added to this process's own environment. */
  readonly env: NodeJS.ProcessEnv
  /** How long a child may finish running tasks before it must return the rest. */
  readonly patienceMs: number
  /** Called when it exits on its own. */
  readonly onEnd: (code: number | null, signal: NodeJS.Signals | null) => void
  /** Called when its event loop has been blocked for longer than its tasks may block it; it is then killed. */
  readonly onBlocked?: (silentMs: number) => void
  /** Learns which holder has died with it, unless it settled its messages before. */
  readonly deadHolders?: DeadHolders
}

/** A child process that is restarted, one process after another. */
export class RestartingChild {
  readonly #options: RestartingChildOptions
  #child: ChildProcess | undefined
  #gone: Promise<void> = Promise.resolve()
  #ready: Promise<void> = Promise.resolve()
  #starts = 0
  #isReady = false
  #isExpected = false
  #isOver = false

  constructor(options: RestartingChildOptions) {
    this.#options = options
  }

  /** undefined = not running. */
  get pid(): number | undefined {
    return this.#child?.pid
  }
  /** Whether it works: it has started and not exited. */
  get isReady(): boolean {
    return this.#isReady
  }
  /** Resolves when the current child is ready, or has exited. */
  get ready(): Promise<void> {
    return this.#ready
  }

  start(): void {
    const { argv, env, onEnd, onBlocked, deadHolders } = this.#options
    const child = spawn(process.execPath, argv, {
      // Its own process group: Ctrl+C at the terminal reaches us, and we forward it once.
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
    let holder: string | undefined
    this.#gone = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#child = undefined
        this.#isReady = false
        if (holder !== undefined && code !== 0 && child.pid !== undefined)
          void deadHolders?.add(holder, child.pid)
        // It may have died before it did what it was asked.
        deadHolders?.tell()
        watchdog.stop()
        if (!this.#isExpected) onEnd(code, signal)
        resolve()
      })
    })
    const works = new Promise<void>((resolve) => {
      child.on('message', (message) => {
        if (message === READY) {
          this.#isReady = true
          deadHolders?.tell()
          resolve()
        }
        if (isHolds(message)) holder = message.holder
        if (isReleased(message)) deadHolders?.released(message)
        if (isBeat(message)) watchdog.hear(message)
      })
    })
    this.#ready = Promise.race([works, this.#gone])
  }

  /** Stops the child, warm and after a while cold, and starts the next. Nothing is lost either way. */
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

  /** Sends it a message; one that has just died gets none. */
  send(message: object): void {
    if (this.#child?.connected) this.#child.send(message, () => {})
  }

  /** Forwards a signal. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  /** Forwards a signal; resolves when the child has exited. It is not restarted. */
  async end(signal: NodeJS.Signals): Promise<void> {
    this.#isOver = true
    this.#isExpected = true
    this.#child?.kill(signal)
    await this.#gone
  }
}
