import type { OpenConnection } from './connection.js'
import { sqliteCode } from './store-errors.js'

/** After this long a transaction is committed even if more calls are waiting, so that other processes get their turn. */
const LONGEST_TRANSACTION_MS = 15

/** One call that waits for its turn. */
export interface Unit {
  readonly writes: boolean
  run(): unknown
  done(reply: unknown): void
  failed(error: unknown): void
}

/** Callbacks of the transactions. */
export interface TransactionHooks {
  /** After a commit: the replies are sent, the file has changed. */
  committed(): void
  /** All requests of the units since the last commit are void. */
  rolledBack(): void
  /** Units that waited for a lock have been answered, outside of the flush that they came with. */
  answered(): void
}

/** A unit in the queue. */
interface Waiting {
  readonly unit: Unit
  /** When it fails because the file is locked, in `performance.now()`. */
  readonly deadlineMs: number
  /** It was in a transaction that failed: it runs in its own, so that only the faulty one fails. */
  readonly isSuspect: boolean
}

/**
 * Runs units in the order of arrival, as many as are waiting in one BEGIN IMMEDIATE transaction. A
 * unit is answered after its transaction is committed, never before. When one fails, the transaction is rolled
 * back and each of its units runs again in its own. While another process has the lock, each waits until its own deadline.
 */
export class Transactions {
  readonly #connection: OpenConnection
  readonly #lockTimeoutMs: number
  readonly #hooks: TransactionHooks
  #waiting: Waiting[] = []
  #retry: NodeJS.Timeout | undefined

  constructor(connection: OpenConnection, lockTimeoutMs: number, hooks: TransactionHooks) {
    this.#connection = connection
    this.#lockTimeoutMs = lockTimeoutMs
    this.#hooks = hooks
  }

  /** Adds units; they run at the next `flush`. */
  add(...units: readonly Unit[]): void {
    const deadlineMs = performance.now() + this.#lockTimeoutMs
    for (const unit of units) this.#waiting.push({ unit, deadlineMs, isSuspect: false })
  }

  /** Runs the waiting units, unless the file is locked: then they run by themselves as soon as the lock is free. */
  flush(): void {
    while (this.#waiting.length > 0 && this.#retry === undefined) {
      if (!this.#waiting.some(({ unit }) => unit.writes)) this.#readAll()
      else if (this.#begin()) this.#writeSome()
    }
  }

  /** Resolves when nothing is waiting any longer. */
  async idle(): Promise<void> {
    for (;;) {
      this.flush()
      if (this.#waiting.length === 0) return
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  #readAll(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const { unit } of waiting) alone(unit)
  }

  /** Takes the write lock, or schedules another attempt. */
  #begin(): boolean {
    try {
      this.#connection.exec('BEGIN IMMEDIATE')
      return true
    } catch (error) {
      const isBusy = sqliteCode(error).startsWith('SQLITE_BUSY')
      const nowMs = performance.now()
      const isOver = ({ deadlineMs }: Waiting): boolean => !isBusy || deadlineMs <= nowMs
      const over = this.#waiting.filter(isOver)
      this.#waiting = this.#waiting.filter((one) => !isOver(one))
      for (const { unit } of over) unit.failed(error)
      if (this.#waiting.length > 0) this.#retryLater()
      return false
    }
  }

  /** Random, so that processes waiting for the same lock do not retry in step. */
  #retryLater(): void {
    this.#retry = setTimeout(
      () => {
        this.#retry = undefined
        this.flush()
        this.#hooks.answered()
      },
      1 + Math.random() * 9,
    )
  }

  #writeSome(): void {
    const untilMs = performance.now() + LONGEST_TRANSACTION_MS
    const ran: Waiting[] = []
    const replies: unknown[] = []
    try {
      for (const waiting of this.#waiting) {
        if (waiting.isSuspect && ran.length > 0) break
        ran.push(waiting)
        replies.push(waiting.unit.run())
        if (waiting.isSuspect || performance.now() > untilMs) break
      }
      this.#connection.exec('COMMIT')
    } catch (error) {
      this.#waiting.splice(0, ran.length)
      this.#rollBack()
      const [only, ...others] = ran
      if (only && others.length === 0) only.unit.failed(error)
      else this.#waiting.unshift(...ran.map((waiting) => ({ ...waiting, isSuspect: true })))
      return
    }
    this.#waiting.splice(0, ran.length)
    ran.forEach(({ unit }, index) => {
      unit.done(replies[index])
    })
    this.#hooks.committed()
  }

  #rollBack(): void {
    // A full disk or an I/O error has already rolled back by itself.
    if (this.#connection.inTransaction) this.#connection.exec('ROLLBACK')
    this.#hooks.rolledBack()
  }
}

function alone(unit: Unit): void {
  try {
    unit.done(unit.run())
  } catch (error) {
    unit.failed(error)
  }
}
