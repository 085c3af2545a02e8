import type { Event } from '../events/index.js'
import { nameOf } from './bounded.js'
import { type SeenTask, TaskRecord } from './seen-task.js'
import { type SeenWorker, WorkerRecord } from './seen-worker.js'
import { readTaskEvent } from './task-event.js'

/** The limits of a cluster state. */
export interface ClusterStateOptions {
  /** Tasks kept; the longest without an event are dropped first. Default 10,000. */
  readonly maxTasks?: number
  /** Nodes kept, in the same way. Default 5,000. */
  readonly maxWorkers?: number
  /** Seconds after which a node that is gone is forgotten. Default 3,600. */
  readonly forgetWorkersAfter?: number
}

/** A filter for tasks. */
export interface TaskChoice {
  readonly state?: string
  readonly name?: string
  /** A node. */
  readonly worker?: string
  /** Default: all. */
  readonly limit?: number
}

/**
 * The state of a cluster, built from its events: live nodes and the fate of tasks. Bounded for any input: in nodes, in tasks, and in the
 * data kept for each (texts to 1,024 characters, tracebacks to 16,384), so that no client of the broker can fill a monitor's memory. A
 * task takes about 1 KB, and at most 50 KB.
 *
 * @example
 * import { ClusterState } from 'lovage/monitor'
 * const state = new ClusterState({ maxTasks: 1000 })
 * await app.events.listen({ onEvents: (events) => events.forEach((event) => state.add(event, Date.now())) })
 * console.log(state.counts())
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

  /** The number of events processed. */
  get events(): number {
    return this.#events
  }

  /**
   * Processes an event; returns true when it concerned a node or a task.
   *
   * @param nowMs When it was received, by the local clock.
   */
  add(event: Event, nowMs: number): boolean {
    const hostname = nameOf(event.hostname)
    if (hostname === undefined || !Number.isFinite(event.timestamp) || event.type.length > 128) return false
    if (event.type.startsWith('worker-')) {
      // Elections concern only the workers themselves.
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

  /** Tasks, most recently updated first. */
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

  /** The number of remembered tasks in each state. */
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

/** Moves an entry to the end, and drops the first when there are too many. */
function renew<T>(entries: Map<string, T>, key: string, value: T, most: number): void {
  entries.delete(key)
  entries.set(key, value)
  if (entries.size <= most) return
  for (const oldest of entries.keys()) {
    entries.delete(oldest)
    return
  }
}
