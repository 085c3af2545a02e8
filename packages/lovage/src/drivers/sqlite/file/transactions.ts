import type { OpenConnection } from './connection.js'
import { sqliteCode } from './store-errors.js'

/** After this long a transaction is committed even if more is waiting, so that other processes get their turn. */
const LONGEST_TRANSACTION_MS = 15

/** One call that waits for its turn. */
export interface Unit {
  readonly writes: boolean
  run(): unknown
  done(reply: unknown): void
  failed(error: unknown): void
}

/** What surrounds the transactions. */
export interface TransactionHooks {
  /** After a commit: the replies are out, the file has changed. */
  committed(): void
  /** Whatever the units have asked for since the last commit did not happen. */
  rolledBack(): void
}

/**
 * Runs units in the order in which they came, as many as are waiting in one BEGIN IMMEDIATE transaction. A
 * unit is answered after its transaction is committed, never before. When one fails, the transaction is rolled
 * back and each of its units runs again in one of its own, so that only the guilty one fails.
 */
export class Transactions {
  readonly #connection: OpenConnection
  readonly #lockTimeoutMs: number
  readonly #hooks: TransactionHooks
  #waiting: Unit[] = []
  #retry: NodeJS.Timeout | undefined
  #lockedSinceMs: number | undefined

  constructor(connection: OpenConnection, lockTimeoutMs: number, hooks: TransactionHooks) {
    this.#connection = connection
    this.#lockTimeoutMs = lockTimeoutMs
    this.#hooks = hooks
  }

  /** Takes units; they run at the next `flush`. */
  add(...units: readonly Unit[]): void {
    this.#waiting.push(...units)
  }

  /** Runs what is waiting, unless the file is locked: then it runs by itself as soon as the lock is free. */
  flush(): void {
    while (this.#waiting.length > 0 && this.#retry === undefined) {
      if (!this.#waiting.some((unit) => unit.writes)) this.#readAll()
      else if (this.#begin()) this.#writeSome()
    }
  }

  /** Resolves when nothing is waiting any more. */
  async idle(): Promise<void> {
    for (;;) {
      this.flush()
      if (this.#waiting.length === 0) return
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  #readAll(): void {
    const units = this.#waiting
    this.#waiting = []
    for (const unit of units) this.#alone(unit)
  }

  /** Takes the write lock, or sees to it that it is tried again. */
  #begin(): boolean {
    try {
      this.#connection.exec('BEGIN IMMEDIATE')
      this.#lockedSinceMs = undefined
      return true
    } catch (error) {
      const nowMs = performance.now()
      this.#lockedSinceMs ??= nowMs
      const isBusy = sqliteCode(error).startsWith('SQLITE_BUSY')
      if (isBusy && nowMs - this.#lockedSinceMs < this.#lockTimeoutMs) {
        // Random, so that processes that wait for the same lock do not knock in step.
        this.#retry = setTimeout(
          () => {
            this.#retry = undefined
            this.flush()
          },
          1 + Math.random() * 9,
        )
      } else {
        this.#lockedSinceMs = undefined
        const units = this.#waiting
        this.#waiting = []
        for (const unit of units) unit.failed(error)
      }
      return false
    }
  }

  #writeSome(): void {
    const untilMs = performance.now() + LONGEST_TRANSACTION_MS
    const units: Unit[] = []
    const replies: unknown[] = []
    try {
      for (const unit of this.#waiting) {
        units.push(unit)
        replies.push(unit.run())
        if (performance.now() > untilMs) break
      }
      this.#connection.exec('COMMIT')
    } catch (error) {
      this.#waiting.splice(0, units.length)
      this.#rollBack()
      const [only, ...others] = units
      if (only && others.length === 0) only.failed(error)
      else this.#eachAlone(units)
      return
    }
    this.#waiting.splice(0, units.length)
    units.forEach((unit, index) => {
      unit.done(replies[index])
    })
    this.#hooks.committed()
  }

  #eachAlone(units: readonly Unit[]): void {
    for (const unit of units) {
      if (!unit.writes) {
        this.#alone(unit)
        continue
      }
      try {
        this.#connection.exec('BEGIN IMMEDIATE')
        const reply = unit.run()
        this.#connection.exec('COMMIT')
        unit.done(reply)
        this.#hooks.committed()
      } catch (error) {
        this.#rollBack()
        unit.failed(error)
      }
    }
  }

  #alone(unit: Unit): void {
    try {
      unit.done(unit.run())
    } catch (error) {
      unit.failed(error)
    }
  }

  #rollBack(): void {
    // A full disk or an I/O error has rolled back by itself already.
    if (this.#connection.inTransaction) this.#connection.exec('ROLLBACK')
    this.#hooks.rolledBack()
  }
}
