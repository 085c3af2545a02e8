import { delay, holdProcess, type Logger, systemClock } from '../kernel/index.js'
import { RestartingChild } from './restarting-child.js'

/** Which of how many a supervised process is, in its environment: `2/4`. */
const PLACE = 'LOVAGE_PROCESS'
/** A supervised process that ends with this wants to be started again. */
export const EXIT_RESTART = 75
/** Pauses before a process that crashed is started again. */
const SHORTEST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 30_000
/** A process that ran for so long is held to be sound. */
const SOUND_MS = 60_000
/** How long a new process may take until the next is restarted. */
const READY_MS = 30_000

/** What is supervised. */
export interface SupervisorOptions {
  /** Processes. */
  readonly count: number
  /** Their command line, after `node`. */
  readonly argv: readonly string[]
  readonly logger: Logger
  /** How long one may finish what runs when it is restarted. */
  readonly patienceMs: number
  /** All work for the first time. */
  readonly onSettled?: () => void
}

/** The place of this process among its likes; undefined when nobody supervises it. */
export function supervisedPlace(
  env: NodeJS.ProcessEnv = process.env,
): { readonly index: number; readonly count: number } | undefined {
  const [, index, count] = /^(\d+)\/(\d+)$/.exec(env[PLACE] ?? '') ?? []
  return index === undefined ? undefined : { index: Number(index), count: Number(count) }
}

/**
 * Keeps processes running: one that crashes is started again, after pauses that grow while it keeps crashing. TERM, INT and QUIT are passed on
 * and end all; HUP restarts one after the other, so that the others go on; USR1 and USR2 are passed on. A process that ends by itself without an
 * error stays ended.
 */
export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #children: RestartingChild[] = []
  #running = 0
  #exitCode = 0
  #isEnding = false
  #isRolling = false
  #over: () => void = () => {}

  constructor(options: SupervisorOptions) {
    this.#options = options
  }

  /** Process ids of what runs. */
  get pids(): readonly number[] {
    return this.#children.flatMap(({ pid }) => (pid === undefined ? [] : [pid]))
  }

  /** Runs until all have ended; resolves to the exit code, the worst of theirs. */
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
    // Between a crash and the next start nothing else may be alive.
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
      onBlocked: (silentMs) =>
        logger.error(
          { process: index, silent_ms: Math.round(silentMs) },
          `process ${index} is blocked by a task for longer than any hard limit allows: it is killed`,
        ),
      onEnd: (code, signal) => {
        if (this.#isEnding || code === 0) return this.#ended(code ?? 1)
        if (Date.now() - startedMs > SOUND_MS || code === EXIT_RESTART) crashes = 0
        // A wrong command line or configuration does not mend itself.
        if (crashes === 0 && (code === 64 || code === 78)) return this.#ended(code)
        const pauseMs =
          code === EXIT_RESTART ? 0 : Math.min(LONGEST_PAUSE_MS, SHORTEST_PAUSE_MS * 2 ** crashes++)
        const how = signal ?? `exit code ${code}`
        logger.error(
          { process: index, how, pause_ms: pauseMs },
          `process ${index} has ended: ${how}; it is started again`,
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

  /** The first signal ends them; those that follow are passed on, and make it a harder end. */
  #end(signal: NodeJS.Signals): void {
    this.#isEnding = true
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
