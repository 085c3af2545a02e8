import type { Worker } from 'node:worker_threads'
import { ConnectionError, createLogger, messageOf, type Unsubscribe } from '../../../kernel/index.js'
import { builtModule, startThread } from '../../../process/index.js'
import { guardExit, newExitGate } from './exit-gate.js'
import type { Call, Report, Request, ThreadData } from './protocol.js'
import { fromWire } from './store-errors.js'

/** The delay before a dead thread is started again; it doubles each time, up to the last value. */
const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 5_000
/** A thread that lived this long did not die of its start. */
const HEALTHY_MS = 30_000

/** How often the thread is notified that this event loop turns. */
const PULSE_MS = 100

interface Pending {
  readonly resolve: (reply: unknown) => void
  readonly reject: (error: Error) => void
}

/**
 * The main side of the thread: numbers calls, sends those of one turn together, and distributes the replies. A thread that dies
 * is started again, with its programs; its pending calls are rejected, and later ones wait for the next thread.
 */
export class FileThread {
  /** Resolves when the file is open, rejects when it cannot be opened. */
  readonly opened: Promise<unknown>
  readonly #data: Omit<ThreadData, 'pulse' | 'exitGate'>
  #worker: Worker
  readonly #pending = new Map<number, Pending>()
  readonly #watchers = new Map<string, Set<() => void>>()
  readonly #listeners = new Map<string, Set<(event: unknown) => void>>()
  readonly #programs = new Set<string>()
  #calls: (readonly [id: number, program: string, procedure: string, argument: () => unknown])[] = []
  #lastId = 0
  #holds = 0
  readonly #pulse = new BigInt64Array(new SharedArrayBuffer(8))
  readonly #exitGate = newExitGate()
  readonly #unguard: Unsubscribe
  #pulseTimer: NodeJS.Timeout | undefined
  #synchronous: 'normal' | 'full'
  /** Calls are sent; false while a thread that died is being started again. */
  #isUp = true
  #wasOpen = false
  #startedMs = performance.now()
  #pauseMs = FIRST_PAUSE_MS
  #isClosing = false
  #dead: Error | undefined

  constructor(data: Omit<ThreadData, 'pulse' | 'exitGate'>) {
    this.#data = data
    this.#synchronous = data.synchronous
    this.#unguard = guardExit(this.#exitGate)
    this.#worker = this.#start()
    this.opened = this.#opening().then(() => {
      this.#wasOpen = true
    })
  }

  /** Calls of one turn of the event loop are sent together; their arguments are made at that time. */
  call(program: string, procedure: string, argument: () => unknown): Promise<never> {
    if (this.#dead) return Promise.reject(this.#dead)
    const id = ++this.#lastId
    if (this.#calls.push([id, program, procedure, argument]) === 1) queueMicrotask(() => this.#send())
    return this.#reply(id)
  }

  async load(module: URL): Promise<string> {
    const url = builtModule(module).href
    const name: string = await this.#ask((id) => ({ kind: 'load', id, url }))
    this.#programs.add(url)
    return name
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

  /** Notifies the thread that the event loop turns. */
  #beat(): void {
    Atomics.store(this.#pulse, 0, BigInt(Date.now()))
  }

  async close(): Promise<void> {
    this.#isClosing = true
    if (this.#dead) return
    // Held to the end: callers that await this must see it, even if nothing else keeps the process alive.
    this.hold()
    if (!this.#isUp) return this.#die(undefined)
    const exit = new Promise((resolve) => this.#worker.once('exit', resolve))
    await this.#ask((id) => ({ kind: 'close', id })).catch((error: unknown) => {
      // A thread that is gone is closed.
      if (error !== this.#dead) throw error
    })
    await exit
  }

  #ask(request: (id: number) => Request): Promise<never> {
    if (this.#dead) return Promise.reject(this.#dead)
    if (!this.#isUp) return Promise.reject(this.#died(new Error('it is being restarted')))
    return this.#askAnyway(request)
  }

  #askAnyway(request: (id: number) => Request): Promise<never> {
    const id = ++this.#lastId
    // Earlier calls go first.
    this.#send()
    this.#post(request(id))
    return this.#reply(id)
  }

  #reply(id: number): Promise<never> {
    if (this.#pending.size === 0) this.#worker.ref()
    // The value is the procedure's return value; the callers' types describe it.
    return new Promise((resolve: (reply: never) => void, reject) =>
      this.#pending.set(id, { resolve: resolve as (reply: unknown) => void, reject }),
    )
  }

  #send(): void {
    if (this.#calls.length === 0 || !this.#isUp) return
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
      // An argument that cannot be cloned fails the whole message: each call is tried alone.
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

  #start(): Worker {
    this.#startedMs = performance.now()
    const workerData: ThreadData = {
      ...this.#data,
      synchronous: this.#synchronous,
      pulse: this.#pulse.buffer,
      exitGate: this.#exitGate,
    }
    const worker = startThread(new URL('./thread.js', import.meta.url), { workerData })
    let failure: Error | undefined
    worker.on('message', (report: Report) => this.#take(report))
    worker.on('error', (error) => {
      failure = asError(error)
    })
    worker.on('exit', (code) => {
      if (worker === this.#worker) this.#exited(failure ?? new Error(`it exited with code ${code}`))
    })
    return worker
  }

  /** The thread replies to call 0 when it has opened the file. */
  #opening(): Promise<unknown> {
    return new Promise((resolve, reject) => this.#pending.set(0, { resolve, reject }))
  }

  #exited(cause: Error): void {
    if (this.#isClosing || !this.#wasOpen) return this.#die(this.#isClosing ? undefined : cause)
    if (performance.now() - this.#startedMs > HEALTHY_MS) this.#pauseMs = FIRST_PAUSE_MS
    const pauseMs = this.#pauseMs
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, 2 * pauseMs)
    createLogger({ name: 'lovage' }).error(
      { err: cause, path: this.#data.path, pause_ms: pauseMs },
      'the thread that works on a SQLite file has died and is restarted',
    )
    this.#isUp = false
    this.#rejectAll(this.#died(cause))
    const timer = setTimeout(() => void this.#startAgain(), pauseMs)
    if (this.#holds === 0) timer.unref()
  }

  /** Holds and watches continue; state that programs keep in their thread is sent again by its owners. */
  async #startAgain(): Promise<void> {
    if (this.#dead || this.#isClosing) return
    this.#worker = this.#start()
    const opened = this.#opening()
    if (this.#holds === 0) this.#worker.unref()
    try {
      await opened
      for (const url of this.#programs) await this.#askAnyway((id) => ({ kind: 'load', id, url }))
    } catch (error) {
      // The thread ends by itself when it cannot open the file, and is started again.
      this.#rejectAll(asError(error))
      await this.#worker.terminate()
      return
    }
    this.#isUp = true
    if (this.#watchers.size > 0) this.#post({ kind: 'watch', on: true })
    this.#send()
  }

  #rejectAll(error: Error): void {
    const pending = [...this.#pending.values()]
    this.#pending.clear()
    this.#calls = []
    for (const { reject } of pending) reject(error)
  }

  #died(cause: Error): ConnectionError {
    const { path } = this.#data
    return new ConnectionError(`The thread that works on ${path} has died (${cause.message})`, {
      code: 'LVG_CONNECTION_FAILED',
      details: { path },
      cause,
    })
  }

  #die(cause: Error | undefined): void {
    this.#unguard()
    const { path } = this.#data
    this.#dead ??= cause
      ? this.#died(cause)
      : new ConnectionError(`${path} was closed`, { code: 'LVG_CONNECTION_CLOSED', details: { path } })
    this.#rejectAll(this.#dead)
  }
}

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(messageOf(thrown)))

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
