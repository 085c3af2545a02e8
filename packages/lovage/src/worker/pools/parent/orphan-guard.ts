import { type ChildProcess, spawn } from 'node:child_process'
import type { Logger } from '../../../kernel/index.js'

/**
 * Each line names the current children. The end of the input is the parent's end: children notice it by themselves within
 * moments, unless a task keeps them busy for ever; only the shell can end those.
 */
const PROGRAM =
  'trap "" INT TERM HUP; while read -r line; do pids=$line; done; [ -z "$pids" ] || { sleep 2; kill -9 $pids; }'

const RESTART_MS = 1_000

/** A shell that outlives the worker by a moment, so that no busy child of a killed worker runs on. */
export class OrphanGuard {
  readonly #logger: Logger
  #shell: ChildProcess | undefined
  #pids: readonly number[] = []
  #isStopped = false

  constructor(logger: Logger) {
    this.#logger = logger
  }

  start(): void {
    if (process.platform === 'win32') return
    // A session of its own, so that a signal to the worker's group does not end it first.
    const shell = spawn('/bin/sh', ['-c', PROGRAM], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
    shell.once('error', (error) =>
      this.#logger.warn({ err: error }, 'cannot start the shell that ends orphaned children of this worker'),
    )
    shell.stdin?.on('error', () => {})
    shell.once('exit', () => {
      if (this.#shell !== shell) return
      this.#shell = undefined
      setTimeout(() => this.#startAgain(), RESTART_MS).unref()
    })
    shell.unref()
    this.#shell = shell
  }

  watch(pids: readonly number[]): void {
    this.#pids = pids
    this.#shell?.stdin?.write(`${pids.join(' ')}\n`)
  }

  stop(): void {
    this.#isStopped = true
    const shell = this.#shell
    this.#shell = undefined
    shell?.stdin?.end('\n')
  }

  /** The shell was killed from outside. */
  #startAgain(): void {
    if (this.#isStopped) return
    this.start()
    this.watch(this.#pids)
  }
}
