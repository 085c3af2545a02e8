import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { ConnectionError, messageOf, type Unsubscribe } from '../../../kernel/index.js'
import type { Call, Report, Request, ThreadData } from './protocol.js'
import { fromWire } from './store-errors.js'

/** How often the thread hears that this event loop turns. */
const PULSE_MS = 100

interface Pending {
  readonly resolve: (reply: unknown) => void
  readonly reject: (error: Error) => void
}

/** The main side of the thread: numbers calls, sends those of one turn together, and hands out the replies. */
export class FileThread {
  /** Resolves when the file is open, rejects when it cannot be opened. */
  readonly opened: Promise<unknown>
  readonly #path: string
  readonly #worker: Worker
  readonly #pending = new Map<number, Pending>()
  readonly #watchers = new Map<string, Set<() => void>>()
  readonly #listeners = new Map<string, Set<(event: unknown) => void>>()
  #calls: (readonly [id: number, program: string, procedure: string, argument: () => unknown])[] = []
  #lastId = 0
  #holds = 0
  readonly #pulse = new BigInt64Array(new SharedArrayBuffer(8))
  #pulseTimer: NodeJS.Timeout | undefined
  #synchronous: 'normal' | 'full'
  #dead: Error | undefined

  constructor(data: Omit<ThreadData, 'pulse'>) {
    this.#path = data.path
    this.#synchronous = data.synchronous
    this.#worker = startThread(new URL('./thread.js', import.meta.url), {
      ...data,
      pulse: this.#pulse.buffer,
    })
    this.opened = new Promise((resolve, reject) => this.#pending.set(0, { resolve, reject }))
    this.#worker.on('message', (report: Report) => this.#take(report))
    this.#worker.on('error', (error) => this.#die(error))
    this.#worker.on('exit', () => this.#die(undefined))
  }

  /** Calls of one turn of the event loop travel together; their arguments are made when they leave. */
  call(program: string, procedure: string, argument: () => unknown): Promise<never> {
    if (this.#dead) return Promise.reject(this.#dead)
    const id = ++this.#lastId
    if (this.#calls.push([id, program, procedure, argument]) === 1) setImmediate(() => this.#send())
    return this.#reply(id)
  }

  load(module: URL): Promise<string> {
    return this.#ask((id) => ({ kind: 'load', id, url: existing(module).href }))
  }

  async makeSynchronous(level: 'normal' | 'full'): Promise<void> {
    if (this.#synchronous === level) return
    this.#synchronous = level
    await this.#ask((id) => ({ kind: 'synchronous', id, level }))
  }

  watch(topic: string, on: () => void): Unsubscribe {
    const first = this.#watchers.size === 0
    add(this.#watchers, topic, on)
    if (first) this.#post({ kind: 'watch', on: true })
    return () => {
      remove(this.#watchers, topic, on)
      if (this.#watchers.size === 0) this.#post({ kind: 'watch', on: false })
    }
  }

  onEvent(program: string, on: (event: unknown) => void): Unsubscribe {
    add(this.#listeners, program, on)
    return () => remove(this.#listeners, program, on)
  }

  hold(): Unsubscribe {
    if (this.#holds++ === 0) {
      this.#worker.ref()
      this.#beat()
      this.#pulseTimer = setInterval(() => this.#beat(), PULSE_MS).unref()
    }
    return () => {
      if (--this.#holds > 0) return
      clearInterval(this.#pulseTimer)
      if (this.#pending.size === 0) this.#worker.unref()
    }
  }

  /** Says to the thread that the event loop turns. */
  #beat(): void {
    Atomics.store(this.#pulse, 0, BigInt(Date.now()))
  }

  async close(): Promise<void> {
    if (this.#dead) return
    // Held to the end: whoever awaits this must see it, though nothing else may keep the process.
    this.hold()
    const exit = new Promise((resolve) => this.#worker.once('exit', resolve))
    await this.#ask((id) => ({ kind: 'close', id })).catch((error: unknown) => {
      // A thread that is gone is closed.
      if (error !== this.#dead) throw error
    })
    await exit
  }

  #ask(request: (id: number) => Request): Promise<never> {
    if (this.#dead) return Promise.reject(this.#dead)
    const id = ++this.#lastId
    // What was called before goes before.
    this.#send()
    this.#post(request(id))
    return this.#reply(id)
  }

  #reply(id: number): Promise<never> {
    if (this.#pending.size === 0) this.#worker.ref()
    // What comes back is whatever the procedure returned; the callers' types say what that is.
    return new Promise((resolve: (reply: never) => void, reject) =>
      this.#pending.set(id, { resolve: resolve as (reply: unknown) => void, reject }),
    )
  }

  #send(): void {
    if (this.#calls.length === 0) return
    const waiting = this.#calls
    this.#calls = []
    const calls: Call[] = []
    for (const [id, program, procedure, argument] of waiting) {
      try {
        calls.push([id, program, procedure, argument()])
      } catch (error) {
        this.#settle(id)?.reject(asError(error))
      }
    }
    try {
      this.#post({ kind: 'calls', calls })
    } catch (error) {
      // An argument that cannot be cloned spoils the whole message: each call is tried alone.
      for (const call of calls) this.#sendAlone(call, calls.length === 1 ? error : undefined)
    }
  }

  #sendAlone(call: Call, known: unknown): void {
    try {
      if (known !== undefined) throw known
      this.#post({ kind: 'calls', calls: [call] })
    } catch (error) {
      this.#settle(call[0])?.reject(asError(error))
    }
  }

  #post(request: Request): void {
    if (!this.#dead) this.#worker.postMessage(request)
  }

  #take(report: Report): void {
    for (const [id, reply] of report.replies ?? []) this.#settle(id)?.resolve(reply)
    for (const [id, error] of report.errors ?? []) this.#settle(id)?.reject(fromWire(error))
    for (const [program, event] of report.events ?? [])
      for (const on of this.#listeners.get(program) ?? []) on(event)
    const changed = report.changed ?? []
    for (const [topic, watchers] of this.#watchers)
      if (changed.includes(topic) || changed.includes('*')) for (const on of watchers) on()
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    if (this.#pending.size === 0 && this.#holds === 0) this.#worker.unref()
    return pending
  }

  #die(cause: Error | undefined): void {
    this.#dead ??= new ConnectionError(
      cause ? `The thread that works on ${this.#path} has died` : `${this.#path} was closed`,
      {
        code: cause ? 'LVG_CONNECTION_FAILED' : 'LVG_CONNECTION_CLOSED',
        details: { path: this.#path },
        cause,
      },
    )
    const pending = [...this.#pending.values()]
    this.#pending.clear()
    for (const { reject } of pending) reject(this.#dead)
  }
}

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(messageOf(thrown)))

/** A module's file: beside compiled code a `.js`, beside sources (tests run those) a `.ts`. */
function existing(module: URL): URL {
  return existsSync(module) ? module : new URL(module.href.replace(/\.js$/, '.ts'))
}

/** Starts the thread's module; sources are compiled on the way by the loader that also loads users' apps. */
function startThread(module: URL, workerData: ThreadData): Worker {
  const file = existing(module)
  if (file === module) return new Worker(module, { workerData })
  const path = JSON.stringify(fileURLToPath(file))
  return new Worker(`require(${JSON.stringify(jitiPath())}).createJiti(${path}).import(${path})`, {
    eval: true,
    workerData,
  })
}

const jitiPath = (): string => fileURLToPath(import.meta.resolve('jiti'))

function add<T>(map: Map<string, Set<T>>, key: string, value: T): void {
  const set = map.get(key)
  if (set) set.add(value)
  else map.set(key, new Set([value]))
}

function remove<T>(map: Map<string, Set<T>>, key: string, value: T): void {
  const set = map.get(key)
  set?.delete(value)
  if (set?.size === 0) map.delete(key)
}
