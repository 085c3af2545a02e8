import type { Event } from '../events/index.js'
import { nameOf } from './bounded.js'
import { type SeenTask, TaskRecord } from './seen-task.js'
import { type SeenWorker, WorkerRecord } from './seen-worker.js'
import { readTaskEvent } from './task-event.js'

/** How much a cluster state remembers. */
export interface ClusterStateOptions {
  /** Tasks; those of which nothing was heard for the longest give way. Default 10,000. */
  readonly maxTasks?: number
  /** Nodes, in the same way. Default 5,000. */
  readonly maxWorkers?: number
  /** Seconds after which a node that is gone is forgotten. Default 3,600. */
  readonly forgetWorkersAfter?: number
}

/** Which tasks are wanted. */
export interface TaskChoice {
  readonly state?: string
  readonly name?: string
  /** A node. */
  readonly worker?: string
  /** Default: all. */
  readonly limit?: number
}

/**
 * What a cluster's events add up to: which nodes live, and what became of tasks. Bounded whatever is sent: in nodes, in tasks, and in
 * what is kept of each (texts to 1,024 characters, tracebacks to 16,384), so that nobody who reaches the broker can fill a monitor's
 * memory. A task takes about 1 KB, and 50 KB at the most.
 */
export class ClusterState {
  readonly #maxTasks: number
  readonly #maxWorkers: number
  readonly #forgetAfterMs: number
  /** In the order of their last events. */
  readonly #tasks = new Map<string, TaskRecord>()
  readonly #workers = new Map<string, WorkerRecord>()
  #events = 0

  constructor({
    maxTasks = 10_000,
    maxWorkers = 5_000,
    forgetWorkersAfter = 3_600,
  }: ClusterStateOptions = {}) {
    this.#maxTasks = Math.max(1, maxTasks)
    this.#maxWorkers = Math.max(1, maxWorkers)
    this.#forgetAfterMs = forgetWorkersAfter * 1000
  }

  /** Events that were taken in. */
  get events(): number {
    return this.#events
  }

  /**
   * Takes an event in; true when it told something of a node or a task.
   *
   * @param nowMs When it came, by the clock here.
   */
  add(event: Event, nowMs: number): boolean {
    const hostname = nameOf(event.hostname)
    if (hostname === undefined || !Number.isFinite(event.timestamp) || event.type.length > 128) return false
    if (event.type.startsWith('worker-')) {
      // Elections are among themselves.
      if (event.type.startsWith('worker-elect')) return false
      this.#worker(hostname).add(event, nowMs)
    } else if (event.type.startsWith('task-')) {
      const told = readTaskEvent(event)
      if (told === undefined) return false
      this.#task(told.id).add(told)
      if (event.type !== 'task-sent') this.#workers.get(hostname)?.touch(nowMs)
    } else return false
    this.#events++
    return true
  }

  /** Nodes by name. */
  workers(nowMs: number): readonly SeenWorker[] {
    for (const [name, { seenMs }] of this.#workers)
      if (nowMs - seenMs > this.#forgetAfterMs) this.#workers.delete(name)
    return [...this.#workers.values()]
      .map((worker) => worker.view(nowMs))
      .sort((left, right) => (left.hostname < right.hostname ? -1 : 1))
  }

  task(id: string): SeenTask | undefined {
    return this.#tasks.get(id)?.view()
  }

  /** Tasks, those first of which something was heard last. */
  tasks({ state, name, worker, limit = Number.POSITIVE_INFINITY }: TaskChoice = {}): readonly SeenTask[] {
    const found: SeenTask[] = []
    for (const record of [...this.#tasks.values()].reverse()) {
      if (found.length >= limit) break
      if (state !== undefined && record.state !== state) continue
      if (name !== undefined && record.name !== name) continue
      if (worker !== undefined && record.worker !== worker) continue
      found.push(record.view())
    }
    return found
  }

  /** How many of the remembered tasks are in each state. */
  counts(): Readonly<Record<string, number>> {
    const counts = new Map<string, number>()
    for (const { state } of this.#tasks.values()) counts.set(state, (counts.get(state) ?? 0) + 1)
    return Object.fromEntries([...counts].sort(([left], [right]) => (left < right ? -1 : 1)))
  }

  /** Forgets the tasks. */
  clearTasks(): void {
    this.#tasks.clear()
  }

  #worker(hostname: string): WorkerRecord {
    const worker = this.#workers.get(hostname) ?? new WorkerRecord(hostname)
    renew(this.#workers, hostname, worker, this.#maxWorkers)
    return worker
  }

  #task(id: string): TaskRecord {
    const task = this.#tasks.get(id) ?? new TaskRecord(id)
    renew(this.#tasks, id, task, this.#maxTasks)
    return task
  }
}

/** Puts an entry last, and lets the first give way when there are too many. */
function renew<T>(entries: Map<string, T>, key: string, value: T, most: number): void {
  entries.delete(key)
  entries.set(key, value)
  if (entries.size <= most) return
  for (const oldest of entries.keys()) {
    entries.delete(oldest)
    return
  }
}
