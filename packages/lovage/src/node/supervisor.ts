import { delay, holdProcess, type Logger, systemClock } from '../kernel/index.js'
import { DeadHolders } from './dead-holders.js'
import { RestartingChild } from './restarting-child.js'

/** A supervised process's place, in its environment: `2/4`. */
const PLACE = 'LOVAGE_PROCESS'
/** The exit code of a supervised process that asks to be started again. */
export const EXIT_RESTART = 75
/** The pauses before a crashed process is restarted. */
const SHORTEST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 30_000
/** A process that ran for this long counts as healthy. */
const SOUND_MS = 60_000
/** How long to wait for a new process before restarting the next. */
const READY_MS = 30_000

/** The options of a supervisor. */
export interface SupervisorOptions {
  /** The number of processes. */
  readonly count: number
  /** Their command line after `node`. */
  readonly argv: readonly string[]
  readonly logger: Logger
  /** How long a process may finish running tasks when it is restarted. */
  readonly patienceMs: number
  /** Called when all processes are ready for the first time. */
  readonly onSettled?: () => void
}

/** This process's place among its siblings; undefined when it is not supervised. */
export function supervisedPlace(
  env: NodeJS.ProcessEnv = process.env,
): { readonly index: number; readonly count: number } | undefined {
  const [, index, count] = /^(\d+)\/(\d+)$/.exec(env[PLACE] ?? '') ?? []
  return index === undefined ? undefined : { index: Number(index), count: Number(count) }
}

/**
 * Keeps processes running: a crashed one is restarted, after pauses that grow while it keeps crashing. TERM, INT and QUIT are forwarded
 * and stop all; HUP restarts one after the other, so that the others keep working; USR1 and USR2 are forwarded. A process that exits on
 * its own without an error is not restarted.
 */
export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #children: RestartingChild[] = []
  readonly #deadHolders = new DeadHolders(() => this.#children)
  #running = 0
  #exitCode = 0
  #isEnding = false
  #endSignal: NodeJS.Signals | undefined
  #isRolling = false
  #over: () => void = () => {}

  constructor(options: SupervisorOptions) {
    this.#options = options
  }

  /** Ids of the running processes. */
  get pids(): readonly number[] {
    return this.#children.flatMap(({ pid }) => (pid === undefined ? [] : [pid]))
  }

  /** Runs until all processes have exited; resolves to the worst of their exit codes. */
  async run(): Promise<number> {
    const over = new Promise<void>((resolve) => {
      this.#over = resolve
    })
    const { count } = this.#options
    for (let index = 1; index <= count; index++) this.#begin(index, count)
    const handlers = {
      SIGTERM: () => this.#end('SIGTERM'),
      SIGINT: () => this.#end('SIGINT'),
      SIGQUIT: () => this.#end('SIGQUIT'),
      SIGHUP: () => void this.#roll(),
      SIGUSR1: () => this.#pass('SIGUSR1'),
      SIGUSR2: () => this.#pass('SIGUSR2'),
    } as const
    const entries = Object.entries(handlers)
    for (const [signal, handler] of entries) process.on(signal, handler)
    void Promise.all(this.#children.map(({ ready }) => ready)).then(() => {
      if (this.#running === count) this.#options.onSettled?.()
    })
    // Between a crash and the next start, nothing else may keep the process alive.
    const release = holdProcess()
    await over
    release()
    for (const [signal, handler] of entries) process.off(signal, handler)
    return this.#exitCode
  }

  #begin(index: number, count: number): void {
    const { argv, logger, patienceMs } = this.#options
    let startedMs = Date.now()
    let crashes = 0
    const child = new RestartingChild({
      argv,
      env: { [PLACE]: `${index}/${count}` },
      patienceMs,
      deadHolders: this.#deadHolders,
      onBlocked: (silentMs) =>
        logger.error(
          { process: index, silent_ms: Math.round(silentMs) },
          `process ${index} has been blocked by a task for longer than any hard limit allows: killing it`,
        ),
      onEnd: (code, signal) => {
        // A process that was still starting dies of the signal itself: it had taken nothing yet.
        if (this.#isEnding || code === 0) return this.#ended(code ?? (signal === this.#endSignal ? 0 : 1))
        if (Date.now() - startedMs > SOUND_MS || code === EXIT_RESTART) crashes = 0
        // A wrong command line or configuration does not fix itself.
        if (crashes === 0 && (code === 64 || code === 78)) return this.#ended(code)
        const pauseMs =
          code === EXIT_RESTART ? 0 : Math.min(LONGEST_PAUSE_MS, SHORTEST_PAUSE_MS * 2 ** crashes++)
        const how = signal ?? `exit code ${code}`
        logger.error(
          { process: index, how, pause_ms: pauseMs },
          `process ${index} has ended: ${how}; restarting it`,
        )
        void delay(systemClock, pauseMs).then(() => {
          if (this.#isEnding) return this.#ended(1)
          startedMs = Date.now()
          child.start()
        })
      },
    })
    this.#children.push(child)
    this.#running++
    child.start()
  }

  #ended(code: number): void {
    this.#exitCode = Math.max(this.#exitCode, code)
    if (--this.#running === 0) this.#over()
  }

  /** The first signal stops the processes; later ones are forwarded, and make it a harder stop. */
  #end(signal: NodeJS.Signals): void {
    this.#isEnding = true
    this.#endSignal = signal
    this.#pass(signal)
  }

  #pass(signal: NodeJS.Signals): void {
    for (const child of this.#children) child.signal(signal)
  }

  async #roll(): Promise<void> {
    if (this.#isRolling || this.#isEnding) return
    this.#isRolling = true
    const { logger } = this.#options
    logger.warn({ signal: 'SIGHUP' }, 'restarting one process after the other')
    for (const child of this.#children) {
      await child.restart()
      await Promise.race([child.ready, delay(systemClock, READY_MS)])
    }
    this.#isRolling = false
  }
}
