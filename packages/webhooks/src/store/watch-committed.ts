import type { PostgresDatabase } from './database/postgres-database.js'
import type { SqliteDatabase } from './database/sqlite-database.js'

const CHANNEL = 'lovage_webhooks'
/** The polling interval: a notification may be missed while reconnecting. */
const LOOK_MS = 5_000
const SQLITE_LOOK_MS = 100

/** Calls `look` when something may have been committed, one call at a time. Resolves once listening; the returned function stops it. */
export async function watchCommits(
  database: PostgresDatabase | SqliteDatabase,
  look: () => Promise<void>,
): Promise<() => Promise<void>> {
  const looker = new Looker(look)
  if (database.kind === 'sqlite') {
    let seen = database.dataVersion()
    const timer = setInterval(() => {
      const version = database.dataVersion()
      if (version !== seen) looker.ring()
      seen = version
    }, SQLITE_LOOK_MS)
    timer.unref()
    looker.ring()
    return async () => {
      clearInterval(timer)
      await looker.stop()
    }
  }
  const timer = setInterval(() => looker.ring(), LOOK_MS)
  timer.unref()
  const listener = new CommitListener(database, () => looker.ring())
  await listener.listen()
  looker.ring()
  return async () => {
    clearInterval(timer)
    await listener.stop()
    await looker.stop()
  }
}

/** Runs a look after each notification; notifications during a look cause one more. */
class Looker {
  readonly #look: () => Promise<void>
  #isRung = false
  #running: Promise<void> | undefined
  #isStopped = false

  constructor(look: () => Promise<void>) {
    this.#look = look
  }

  ring(): void {
    this.#isRung = true
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#running
  }

  async #run(): Promise<void> {
    while (this.#isRung && !this.#isStopped) {
      this.#isRung = false
      // The look logs its own failures; the next notification tries again.
      await this.#look().catch(() => {})
    }
  }
}

/** A listening connection, reopened when it is lost. */
class CommitListener {
  readonly #database: PostgresDatabase
  readonly #onRing: () => void
  #client: { end(): Promise<void> } | undefined
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(database: PostgresDatabase, onRing: () => void) {
    this.#database = database
    this.#onRing = onRing
  }

  async listen(): Promise<void> {
    try {
      const client = await this.#database.connect()
      if (this.#isStopped) return void client.end()
      this.#client = client
      client.on('notification', this.#onRing)
      client.on('end', () => this.#again())
      await client.query(`LISTEN ${CHANNEL}`)
      this.#onRing()
    } catch {
      this.#again()
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    await this.#client?.end().catch(() => {})
  }

  #again(): void {
    if (this.#isStopped || this.#timer) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      void this.listen()
    }, 1_000)
    this.#timer.unref()
  }
}
