import type { Clock, DriverOptions } from '../../../kernel/index.js'
import type { ReadOptions } from '../../../message/index.js'
import type {
  CompletedJoin,
  HoldOptions,
  Join,
  JoinPart,
  JoinStore,
  ResultTuple,
} from '../../../result/index.js'
import { completedJoin, DUE_LIMIT, HOLD_MS, readOptionsOf } from '../../shared/index.js'

/** A join, its arrived parts, and when it is handed out next. */
interface Waiting {
  readonly join: Join
  /** By task id; undefined = added by `extend`, and not arrived yet. */
  readonly parts: Map<string, JoinPart | undefined>
  extra: number
  arrived: number
  /** The task whose part was the last; '' when the join was complete as soon as its size was known. */
  completedBy: string | undefined
  isExpired: boolean
  dueMs: number
}

/** Joins in this process's memory, shared by all backends of one URL. */
export class MemoryJoinStore implements JoinStore {
  readonly #joins = new Map<string, Waiting>()
  readonly #groups = new Map<string, { readonly json: string; readonly storedMs: number }>()
  readonly #clock: Clock

  readonly #read: ReadOptions

  constructor({ clock, settings }: Pick<DriverOptions, 'clock' | 'settings'>) {
    this.#clock = clock
    this.#read = readOptionsOf(settings)
  }

  async open(
    joins: readonly Join[],
    { holdMs = HOLD_MS }: HoldOptions = {},
  ): Promise<readonly CompletedJoin[]> {
    return joins.flatMap((join) => {
      const before = this.#joins.get(join.id)
      if (before && !isOpen(before)) return []
      const waiting: Waiting = {
        ...(before ?? { parts: new Map(), extra: 0, arrived: 0, completedBy: undefined, isExpired: false }),
        join,
        dueMs: join.deadlineMs,
      }
      this.#joins.set(join.id, waiting)
      if (!isFull(waiting)) return []
      waiting.completedBy = ''
      waiting.dueMs = this.#clock.now() + holdMs
      return [this.#handOut(waiting)]
    })
  }

  async extend(id: string, taskIds: readonly string[]): Promise<boolean> {
    const waiting = this.#joins.get(id)
    if (!waiting || !isOpen(waiting)) return false
    for (const taskId of taskIds) {
      if (waiting.parts.has(taskId)) continue
      waiting.parts.set(taskId, undefined)
      waiting.extra++
    }
    return true
  }

  async arrive(
    parts: readonly JoinPart[],
    { holdMs = HOLD_MS }: HoldOptions = {},
  ): Promise<readonly CompletedJoin[]> {
    const untilMs = this.#clock.now() + holdMs
    const completed = new Set<Waiting>()
    for (const { joinId, taskId, index, state, resultJson } of parts) {
      const waiting = this.#joins.get(joinId)
      if (!waiting) continue
      if (isOpen(waiting) && !waiting.parts.get(taskId)) {
        waiting.parts.set(taskId, { joinId, taskId, index, state, resultJson })
        waiting.arrived++
        if (isFull(waiting)) waiting.completedBy = taskId
      }
      if (waiting.completedBy !== taskId) continue
      waiting.dueMs = untilMs
      completed.add(waiting)
    }
    return [...completed].map((waiting) => this.#handOut(waiting))
  }

  async due({
    holdMs = HOLD_MS,
    limit = DUE_LIMIT,
  }: HoldOptions & { readonly limit?: number } = {}): Promise<readonly CompletedJoin[]> {
    const nowMs = this.#clock.now()
    const owed = [...this.#joins.values()]
      .filter(({ dueMs }) => dueMs <= nowMs)
      .sort((left, right) => left.dueMs - right.dueMs)
      .slice(0, limit)
    for (const waiting of owed) {
      waiting.isExpired = waiting.completedBy === undefined
      waiting.dueMs = nowMs + holdMs
    }
    return owed.map((waiting) => this.#handOut(waiting))
  }

  async finish(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.#joins.delete(id)
  }

  async saveGroup(group: ResultTuple): Promise<void> {
    const [[id]] = group
    // Removed first, so that the map stays in the order of saving.
    this.#groups.delete(id)
    this.#groups.set(id, { json: JSON.stringify(group), storedMs: this.#clock.now() })
  }

  async group(id: string): Promise<ResultTuple | undefined> {
    const saved = this.#groups.get(id)
    // Only `saveGroup` writes it.
    return saved && (JSON.parse(saved.json) as ResultTuple)
  }

  async forgetGroup(id: string): Promise<void> {
    this.#groups.delete(id)
  }

  /** Removes groups that were saved before `beforeMs`; returns how many. */
  pruneGroups(beforeMs: number): number {
    let removed = 0
    for (const [id, { storedMs }] of this.#groups) {
      if (storedMs >= beforeMs) break
      this.#groups.delete(id)
      removed++
    }
    return removed
  }

  #handOut({ join, parts, isExpired }: Waiting): CompletedJoin {
    const arrived = [...parts.values()].filter((part) => part !== undefined)
    return completedJoin(join, arrived, isExpired, this.#read)
  }
}

const isOpen = ({ completedBy, isExpired }: Waiting): boolean => completedBy === undefined && !isExpired

const isFull = ({ join: { size }, extra, arrived }: Waiting): boolean =>
  size !== null && arrived >= size + extra
