import type { AppCore } from '../app/core/index.js'
import type { CallOptions } from '../app/tasks/index.js'
import { ConfigurationError, newId } from '../kernel/index.js'
import { type PeriodicTask, readSchedule } from '../schedule/index.js'
import type { Entry, EntryDefinition, EntryPut, ScheduleStore } from '../schedule-store/index.js'
import { newEntry } from '../schedule-store/index.js'
import { defineForApp } from './code-entries.js'
import { dueTask } from './make-runs.js'
import { changeTo, mergeCode } from './merge-code.js'
import { nextDueMs, planEntry } from './plan.js'
import type { BeatSender } from './sender.js'

/** An entry, for display. */
export interface ScheduleView {
  readonly name: string
  readonly task: string
  /** In words. */
  readonly schedule: string
  /** The entry's, or the app's. */
  readonly timezone: string
  readonly enabled: boolean
  /** Unix ms; undefined = never, or not while it is disabled. */
  readonly nextMs: number | undefined
  /** Unix ms since when a run has been due that no beat has sent; undefined when none is outstanding. */
  readonly owedSinceMs: number | undefined
  /** Whether it is in the store; an entry that exists only in the code has not been read by a beat yet. */
  readonly isStored: boolean
  /** Unix ms. */
  readonly lastRunMs: number | null
  readonly lastTaskId: string | null
  readonly totalRunCount: number
  readonly source: 'code' | 'operator'
  /** Fields in which an operator's value overrides the code's. */
  readonly changed: readonly (keyof EntryDefinition)[]
  /** Removed by an operator although the code has it. */
  readonly removed: boolean
  /** Why it cannot run, if it cannot. */
  readonly trouble?: string
  readonly definition: EntryDefinition
}

/** The changeable fields of an entry: all but its name. */
export type EntryChanges = Partial<PeriodicTask<CallOptions>>

/** Number of attempts when an entry is changed concurrently between reading and writing. */
const TRIES = 10

/**
 * The schedule of an app, changed while beats run: they apply changes at once. Changes made here override
 * later changes of the code until `reset`.
 *
 * @example
 * import { interval, openSchedules } from 'lovage'
 * await using schedules = await openSchedules(app)
 * await schedules.add('tick', { task: 'mail.send', schedule: interval(60) })
 * await schedules.disable('tick')
 * console.log(await schedules.list())
 */
export class Schedules implements AsyncDisposable {
  readonly #app: AppCore
  readonly #store: ScheduleStore
  readonly #sender: BeatSender
  readonly #code: () => ReadonlyMap<string, EntryDefinition>

  constructor(
    app: AppCore,
    store: ScheduleStore,
    sender: BeatSender,
    code: () => ReadonlyMap<string, EntryDefinition>,
  ) {
    this.#app = app
    this.#store = store
    this.#sender = sender
    this.#code = code
  }

  /** Where the schedule is kept. */
  get location(): string {
    return this.#store.location
  }

  /** All entries by name; the code's entries as they will be once a beat has read them. */
  async list(): Promise<readonly ScheduleView[]> {
    const stored = await this.#store.load()
    const { puts, deletes } = mergeCode(stored, this.#code(), this.#app.clock.now())
    const names = new Set(stored.map(({ name }) => name))
    const gone = new Set(deletes.map(({ name }) => name))
    const merged = new Map([...stored, ...puts.map(({ entry }) => entry)].map((entry) => [entry.name, entry]))
    return [...merged.values()]
      .filter(({ name }) => !gone.has(name))
      .sort((one, other) => (one.name < other.name ? -1 : 1))
      .map((entry) => this.#view(entry, names.has(entry.name)))
  }

  /** Adds an entry. @throws {ConfigurationError} LVG_SCHEDULE_INVALID when one of this name exists, or it is invalid. */
  async add(name: string, periodic: PeriodicTask<CallOptions>): Promise<void> {
    const definition = defineForApp(this.#app, name, periodic)
    await this.#storeCode()
    const nowMs = this.#app.clock.now()
    const [isAdded] = await this.#store.put([
      { entry: newEntry(name, definition, 'operator', nowMs), restartMs: nowMs },
    ])
    if (isAdded) return
    const entry = await this.#find(name)
    throw entry.removed
      ? wasRemoved(name)
      : refused(`Entry ${name} already exists.`, name, 'Change it, or choose another name.')
  }

  /** Changes fields of an entry. Changing its times restarts counting. */
  async change(name: string, changes: EntryChanges): Promise<void> {
    await this.#update(name, (entry) => {
      if (entry.removed) throw wasRemoved(name)
      const definition = defineForApp(this.#app, name, { ...this.#asWritten(entry.definition), ...changes })
      return changeTo(entry, definition, entry.code, this.#app.clock.now())
    })
  }

  /** Enables an entry, from now on. */
  enable(name: string): Promise<void> {
    return this.change(name, { enabled: true })
  }

  /** Disables an entry. */
  disable(name: string): Promise<void> {
    return this.change(name, { enabled: false })
  }

  /** Removes an entry; the code does not bring it back. */
  async remove(name: string): Promise<void> {
    await this.#storeCode()
    for (let tries = 0; tries < TRIES; tries++) {
      const entry = await this.#find(name)
      const isDone =
        entry.code === null
          ? (await this.#store.delete([entry])) === 1
          : (await this.#store.put([{ entry: { ...entry, removed: true } }]))[0]
      if (isDone) return
    }
    throw contended(name)
  }

  /** Discards all operators' changes to an entry: the code's values apply again. */
  async reset(name: string): Promise<void> {
    await this.#update(name, (entry) => {
      const code = this.#code().get(name)
      if (!code) throw refused(`The code has no entry ${name}.`, name, 'Remove it if it is not wanted.')
      const nowMs = this.#app.clock.now()
      const put = changeTo({ ...entry, removed: false }, code, code, nowMs)
      return entry.removed ? { ...put, restartMs: nowMs } : put
    })
  }

  /** Sends an entry's task now, once, whatever its schedule; returns the task's id. */
  async run(name: string): Promise<string> {
    await this.#storeCode()
    const taskId = newId()
    const { name: known, ...entry } = await this.#find(name)
    await this.#sender.send([dueTask({ name: known, ...entry }, { taskId })])
    for (let tries = 0; tries < TRIES; tries++) {
      const { state } = await this.#find(name)
      const { cursorMs, anchorMs } = state
      const run = { tickMs: null, atMs: this.#app.clock.now(), taskId, count: 1 }
      const { written } = await this.#store.advance([
        { name, fromCursorMs: cursorMs, cursorMs, anchorMs, run },
      ])
      if (written[0]) break
    }
    return taskId
  }

  async close(): Promise<void> {
    await this.#store.close()
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #update(name: string, change: (entry: Entry) => EntryPut): Promise<void> {
    await this.#storeCode()
    for (let tries = 0; tries < TRIES; tries++) {
      const [isWritten] = await this.#store.put([change(await this.#find(name))])
      if (isWritten) return
    }
    throw contended(name)
  }

  /** Possibly no beat has read the code's entries yet; they must be stored before they can be changed. */
  async #storeCode(): Promise<void> {
    const { puts } = mergeCode(await this.#store.load(), this.#code(), this.#app.clock.now())
    const added = puts.filter(({ entry }) => entry.revision === 0)
    if (added.length > 0) await this.#store.put(added)
  }

  async #find(name: string): Promise<Entry> {
    const entries = await this.#store.load()
    const entry = entries.find((one) => one.name === name)
    if (entry) return entry
    const known = entries.map((one) => one.name).join(', ')
    throw refused(
      `There is no entry ${name}.`,
      name,
      known ? `The entries are ${known}.` : 'The schedule is empty.',
    )
  }

  #asWritten({ schedule, timezone, options, ...rest }: EntryDefinition): PeriodicTask<CallOptions> {
    const written = { ...rest, options, schedule: readSchedule(schedule, this.#app.conf.beatScheduleKinds) }
    return timezone === null ? written : { ...written, timezone }
  }

  #view(entry: Entry, isStored: boolean): ScheduleView {
    const { name, definition, state, code, changed, removed } = entry
    const timezone = definition.timezone ?? this.#app.conf.timezone
    const common = {
      name,
      task: definition.task,
      timezone,
      enabled: definition.enabled,
      lastRunMs: state.lastRunMs,
      lastTaskId: state.lastTaskId,
      totalRunCount: state.totalRunCount,
      source: code === null ? ('operator' as const) : ('code' as const),
      changed,
      removed,
      definition,
      isStored,
    }
    try {
      const schedule = readSchedule(definition.schedule, this.#app.conf.beatScheduleKinds)
      const context = {
        space: this.#app.main,
        nowMs: this.#app.clock.now(),
        timeZone: this.#app.conf.timezone,
      }
      const { ticks, missedSinceMs } = planEntry(entry, schedule, context)
      return {
        ...common,
        schedule: schedule.describe(),
        nextMs: nextDueMs(entry, schedule, context),
        owedSinceMs: missedSinceMs ?? ticks[0]?.tickMs,
      }
    } catch (error) {
      const trouble = error instanceof Error ? error.message : String(error)
      return {
        ...common,
        schedule: definition.schedule.kind,
        nextMs: undefined,
        owedSinceMs: undefined,
        trouble,
      }
    }
  }
}

const refused = (message: string, entry: string, hint: string): ConfigurationError =>
  new ConfigurationError(message, { code: 'LVG_SCHEDULE_INVALID', details: { entry }, hint })

const contended = (name: string): ConfigurationError =>
  refused(`The entry ${name} is being changed concurrently.`, name, 'Check it, and try again.')

const wasRemoved = (name: string): ConfigurationError =>
  refused(
    `The entry ${name}, which the code defines, was removed.`,
    name,
    `Restore it with 'schedule reset ${name}'.`,
  )
