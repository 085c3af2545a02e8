import type { Connection, Statement } from './program.js'
import { SqliteDoorbell } from './sqlite-doorbell.js'

const FIRST_POLL_MS = 10
const SLOWEST_POLL_MS = 250

/**
 * Detects changes to the file by other processes: through the doorbell at once, otherwise by polling SQLite's
 * `data_version` otherwise (10 ms after the last change, slowing down to 250 ms).
 */
export class Watch {
  /** The addresses of waiting processes. */
  static readonly program = {
    name: 'file',
    migrations: [new URL('./schema-1.sql', import.meta.url)],
  }

  readonly #version: Statement
  readonly #peers: Statement
  readonly #enter: Statement
  readonly #leave: Statement
  readonly #bell: SqliteDoorbell
  readonly #transact: (work: () => void) => Promise<void>
  readonly #onChange: (topics: readonly string[]) => void
  #seen: number | undefined
  #timer: NodeJS.Timeout | undefined
  #everyMs = FIRST_POLL_MS
  #isOn = false
  #isEntered = false

  constructor(
    connection: Connection,
    path: string,
    transact: (work: () => void) => Promise<void>,
    onChange: (topics: readonly string[]) => void,
  ) {
    this.#version = connection.prepare('PRAGMA data_version')
    this.#peers = connection.prepare('SELECT address FROM lovage_peers')
    this.#enter = connection.prepare('INSERT OR IGNORE INTO lovage_peers (address) VALUES (?)')
    this.#leave = connection.prepare('DELETE FROM lovage_peers WHERE address = ?')
    this.#transact = transact
    this.#onChange = onChange
    this.#bell = new SqliteDoorbell(
      path,
      (topics) => {
        // The poll need not repeat the bell's notification.
        this.#seen = this.#dataVersion()
        this.#everyMs = FIRST_POLL_MS
        if (this.#isOn) this.#onChange(topics)
      },
      // A failure to remove the address only means that it is rung once more.
      (address) => void this.#transact(() => void this.#leave.run([address])).catch(() => {}),
    )
  }

  /** Rings all processes that wait for changes of this file. */
  announce(topics: readonly string[]): void {
    const peers = this.#peers.all<[string]>([])
    if (peers.length > 0)
      this.#bell.ring(
        peers.map(([address]) => address),
        topics,
      )
  }

  turn(isOn: boolean): void {
    if (isOn === this.#isOn) return
    this.#isOn = isOn
    clearTimeout(this.#timer)
    if (!isOn) return
    this.#everyMs = FIRST_POLL_MS
    this.#seen = this.#dataVersion()
    this.#poll()
    // Changes since the watch was requested are included in the version just read: nothing else would report them.
    this.#onChange(['*'])
    // Without a bell, polling does all the work.
    if (!this.#isEntered) void this.#listen().catch(() => {})
  }

  async close(): Promise<void> {
    this.turn(false)
    if (this.#isEntered) await this.#transact(() => void this.#leave.run([this.#bell.address]))
    this.#bell.close()
  }

  async #listen(): Promise<void> {
    this.#isEntered = true
    if (await this.#bell.listen()) await this.#transact(() => void this.#enter.run([this.#bell.address]))
  }

  #poll(): void {
    this.#timer = setTimeout(() => {
      const version = this.#dataVersion()
      const isNew = version !== this.#seen
      this.#seen = version
      this.#everyMs = isNew ? FIRST_POLL_MS : Math.min(this.#everyMs * 2, SLOWEST_POLL_MS)
      this.#poll()
      if (isNew) this.#onChange(['*'])
    }, this.#everyMs)
  }

  #dataVersion(): number | undefined {
    return this.#version.get<[number]>([])?.[0]
  }
}
