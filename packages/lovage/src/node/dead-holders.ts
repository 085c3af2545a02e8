import { delay, type Logger, systemClock } from '../kernel/index.js'
import { tellParent } from '../process/index.js'
import type { BootStep, RunningWorker } from '../worker/index.js'

/** The message of a supervised worker: the name under which it holds messages at the broker. */
interface Holds {
  readonly kind: 'lovage:holds'
  readonly holder: string
}

/** Sent by the supervisor: these holders' processes have died; and back: their messages have been returned to their queues. */
interface DeadHoldersMessage {
  readonly kind: 'lovage:dead' | 'lovage:released'
  readonly holders: readonly string[]
}

/** How often to look whether a dead worker's children have gone too. */
const LOOK_MS = 50
/** A lease has mostly run out by then, and something in the group does not end. */
const LONGEST_LOOK_MS = 30_000

/** Whether a child's message names its holder. */
export const isHolds = (message: unknown): message is Holds => isKind(message, 'lovage:holds')

/** Whether a child reports that it has returned a dead holder's messages. */
export const isReleased = (message: unknown): message is DeadHoldersMessage =>
  isKind(message, 'lovage:released')

const isDead = (message: unknown): message is DeadHoldersMessage => isKind(message, 'lovage:dead')

const isKind = (message: unknown, kind: string): boolean =>
  typeof message === 'object' && message !== null && 'kind' in message && message.kind === kind

/** A process that can return the messages of dead ones. */
export interface Heir {
  /** Whether it is connected and consumes. */
  readonly isReady: boolean
  send(message: DeadHoldersMessage): void
}

/**
 * The supervisor's list of holders whose processes have died: a living worker returns their messages at once, so that none waits for a
 * lease that nothing will renew. Until one has reported that it did, each that becomes ready is asked again; if all of them die first,
 * the leases expire.
 */
export class DeadHolders {
  readonly #heirs: () => readonly Heir[]
  readonly #dead = new Set<string>()

  constructor(heirs: () => readonly Heir[]) {
    this.#heirs = heirs
  }

  /** A worker has died. Its own children may still run its tasks: they end first. */
  async add(holder: string, pid: number): Promise<void> {
    if (!(await hasGroupEnded(pid))) return
    this.#dead.add(holder)
    this.tell()
  }

  /** Asks one worker, if any is ready. */
  tell(): void {
    if (this.#dead.size === 0) return
    this.#heirs()
      .find(({ isReady }) => isReady)
      ?.send({ kind: 'lovage:dead', holders: [...this.#dead] })
  }

  released({ holders }: DeadHoldersMessage): void {
    for (const holder of holders) this.#dead.delete(holder)
  }
}

/** Whether every process of this group has ended, soon enough to matter. */
async function hasGroupEnded(pid: number): Promise<boolean> {
  // Without process groups, nothing is known of its children.
  if (process.platform === 'win32') return false
  for (let waitedMs = 0; waitedMs < LONGEST_LOOK_MS; waitedMs += LOOK_MS) {
    try {
      process.kill(-pid, 0)
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return true
    }
    await delay(systemClock, LOOK_MS)
  }
  return false
}

/** A supervised worker's part: it names its holder, and returns what its dead siblings and predecessors held. */
export class DeadHoldersStep implements BootStep {
  readonly name = 'dead holders'
  readonly #logger: Logger
  #off: () => void = () => {}

  constructor(logger: Logger) {
    this.#logger = logger
  }

  start(worker: RunningWorker): void {
    if (!process.connected) return
    // Before anything is claimed.
    tellParent({ kind: 'lovage:holds', holder: worker.holder } satisfies Holds)
    const onMessage = (message: unknown): void => {
      if (isDead(message)) void this.#release(worker, message.holders)
    }
    process.on('message', onMessage)
    this.#off = () => void process.off('message', onMessage)
  }

  stop(): void {
    this.#off()
  }

  async #release(worker: RunningWorker, holders: readonly string[]): Promise<void> {
    try {
      await worker.releaseDead(holders)
      tellParent({ kind: 'lovage:released', holders } satisfies DeadHoldersMessage)
    } catch (error) {
      this.#logger.warn(
        { err: error, holders },
        'could not return the messages of a worker that has died; they return when its lease expires',
      )
    }
  }
}
