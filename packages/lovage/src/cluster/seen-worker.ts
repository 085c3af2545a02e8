import type { Event } from '../events/index.js'
import { countOf, nameOf, numberOf } from './bounded.js'

/** A node as seen in its events. */
export interface SeenWorker {
  /** `name@host`. */
  readonly hostname: string
  /** Whether an event arrived within two of its heartbeats. */
  readonly isAlive: boolean
  /** Whether it announced its shutdown; a node that is neither alive nor has left is lost. */
  readonly hasLeft: boolean
  /** When its last event arrived, by the local clock, in Unix ms. */
  readonly seenMs: number
  /** Seconds between its heartbeats. */
  readonly freq: number
  /** Running tasks, as last reported. */
  readonly active: number
  /** Tasks finished since it started. */
  readonly processed: number
  readonly loadavg: readonly number[]
  readonly pid: number | undefined
  /** `py-celery 5.6.3`, `lovage 0.1.0`. */
  readonly software: string
}

/** The default heartbeat interval of a worker that reports none: Celery's. */
const FREQ_S = 2
/** An untrusted interval must not keep a dead worker alive for ever. */
const MAX_FREQ_S = 3600
/** Heartbeats that may be missed. */
const MISSED = 2

/** The record of a node. */
export class WorkerRecord {
  readonly hostname: string
  seenMs = 0
  #isOffline = false
  #freq = FREQ_S
  #active = 0
  #processed = 0
  #loadavg: readonly number[] = []
  #pid: number | undefined
  #software = ''

  constructor(hostname: string) {
    this.hostname = hostname
  }

  /** Processes a `worker-…` event. */
  add(event: Event, nowMs: number): void {
    this.seenMs = nowMs
    this.#isOffline = event.type === 'worker-offline'
    const { freq } = event
    if (typeof freq === 'number' && freq > 0) this.#freq = Math.min(freq, MAX_FREQ_S)
    this.#active = countOf(event.active) ?? this.#active
    this.#processed = countOf(event.processed) ?? this.#processed
    this.#pid = numberOf(event.pid) ?? this.#pid
    if (Array.isArray(event.loadavg))
      this.#loadavg = event.loadavg.slice(0, 3).map((one) => numberOf(one) ?? 0)
    const ident = nameOf(event.sw_ident)
    if (ident !== undefined) this.#software = [ident, nameOf(event.sw_ver)].filter(Boolean).join(' ')
  }

  /** Notes a sign of life: a task's event is one too. */
  touch(nowMs: number): void {
    this.seenMs = nowMs
  }

  view(nowMs: number): SeenWorker {
    return {
      hostname: this.hostname,
      isAlive: !this.#isOffline && nowMs < this.seenMs + MISSED * this.#freq * 1000,
      hasLeft: this.#isOffline,
      seenMs: this.seenMs,
      freq: this.#freq,
      active: this.#active,
      processed: this.#processed,
      loadavg: this.#loadavg,
      pid: this.#pid,
      software: this.#software,
    }
  }
}
