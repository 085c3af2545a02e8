import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Place } from './places.js'
import type { Random } from './random.js'

const WORKER = fileURLToPath(new URL('worker.mjs', import.meta.url))

/** Workers in processes of their own, each with its misfortunes. */
export class Fleet {
  readonly #place: Place
  readonly #ledger: string
  readonly #random: Random
  readonly #workers = new Set<ChildProcess>()
  /** How many were killed, and how many ended by themselves, which none may. */
  readonly counts = { killed: 0, stopped: 0, endedByThemselves: 0 }
  readonly #said: string[] = []

  constructor(place: Place, ledger: string, random: Random) {
    this.#place = place
    this.#ledger = ledger
    this.#random = random
  }

  /** The last words of workers that ended by themselves. */
  get said(): string {
    return this.#said.join('\n')
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, [WORKER], {
      env: {
        ...process.env,
        CHAOS_BROKER: this.#place.workerUrl,
        CHAOS_BACKEND: this.#place.workerBackend,
        CHAOS_LEDGER: this.#ledger,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let words = ''
    child.stderr.on('data', (text) => {
      words = (words + text).slice(-2000)
    })
    this.#workers.add(child)
    child.once('exit', (code) => {
      // A kill takes it out first.
      if (!this.#workers.delete(child)) return
      this.counts.endedByThemselves++
      this.#said.push(`code ${code}: ${words}`)
    })
    await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])
  }

  async kill(): Promise<void> {
    if (this.#workers.size === 0) return
    await this.#end(this.#random.pick([...this.#workers]))
    this.counts.killed++
  }

  /** Stands still for longer than its lease, and goes on as if nothing had been. */
  async stopForAWhile(): Promise<void> {
    if (this.#workers.size === 0) return
    const child = this.#random.pick([...this.#workers])
    child.kill('SIGSTOP')
    await new Promise((resolve) => setTimeout(resolve, this.#random.between(500, 5000)))
    child.kill('SIGCONT')
    this.counts.stopped++
  }

  async fill(count: number): Promise<void> {
    while (this.#workers.size < count) await this.start()
  }

  async endAll(): Promise<void> {
    await Promise.all([...this.#workers].map((child) => this.#end(child)))
  }

  async #end(child: ChildProcess): Promise<void> {
    this.#workers.delete(child)
    if (child.exitCode !== null || child.signalCode !== null) return
    const dead = once(child, 'exit')
    child.kill('SIGKILL')
    await dead
  }
}
