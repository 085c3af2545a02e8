import type { TaskEvent } from 'lovage/monitor'
import { addFacts, emptyRecord, mergeRecords, type TaskRecord } from './task-record.js'
import { type Entry, entryOf, tell, textOf } from './timeline.js'

/** Entries that wait to become text; a task with more is told in between, which bounds its timeline. */
const MOST = 100

/** A task whose events are gathered before a write. Its timeline becomes text once, at the end: events are many. */
export class GatheredTask {
  #record: TaskRecord
  #entries: Entry[] = []

  constructor(id: string, record: TaskRecord = emptyRecord(id, 'events')) {
    this.#record = record
  }

  /** Its name, as far as it is known. */
  get name(): string | null {
    return this.#record.name
  }

  add(event: TaskEvent): void {
    addFacts(this.#record, event)
    const entry = entryOf(event)
    if (this.#entries.some((known) => isSame(known, entry))) return
    this.#entries.push(entry)
    if (this.#entries.length >= MOST) this.record()
  }

  /** Adds later news. */
  merge(news: TaskRecord): void {
    this.#record = mergeRecords(this.record(), news)
  }

  /** The record with all that was added. */
  record(): TaskRecord {
    const entries = this.#entries
    if (entries.length === 0) return this.#record
    this.#entries = []
    if (this.#record.told > 0 || entries.length >= MOST) tell(this.#record, entries)
    else {
      this.#record.timeline = textOf(entries)
      this.#record.told = entries.length
    }
    return this.#record
  }
}

/** Times differ nearly always. */
const isSame = (one: Entry, other: Entry): boolean =>
  one[1] === other[1] && one.every((value, place) => value === other[place])
