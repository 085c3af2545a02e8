import type { JoinPart } from '../../../result/index.js'

/** A locked join. */
export interface LockedJoin {
  readonly id: string
  /** Null while unknown. */
  readonly size: number | null
  readonly extra: number
  readonly arrived: number
  /** The task whose part was the last; empty when opening the join completed it. */
  readonly completed_by: string | null
  readonly is_expired: boolean
}

/** A known part: one that has arrived, or one that was only announced. */
export interface KnownPart {
  readonly join_id: string
  readonly task_id: string
  readonly has_arrived: boolean
}

/** The changes made by parts. */
export interface Counted {
  /** Parts to be written, in the order of arrival. */
  readonly taken: readonly JoinPart[]
  /** Joins whose count has changed. */
  readonly changed: readonly Pick<LockedJoin, 'id' | 'arrived' | 'completed_by'>[]
  /** Joins that their deliverer must finish now. */
  readonly completed: readonly string[]
}

/** Counts parts in the order of arrival, each once by its task id. Pure: the caller holds the locks. */
export function countArrivals(
  joins: readonly LockedJoin[],
  known: readonly KnownPart[],
  parts: readonly JoinPart[],
): Counted {
  const open = new Map(joins.map((join) => [join.id, { ...join }]))
  const arrived = new Set(
    known.flatMap((part) => (part.has_arrived ? [keyOf(part.join_id, part.task_id)] : [])),
  )
  const taken: JoinPart[] = []
  const changed = new Set<string>()
  const completed = new Set<string>()
  for (const part of parts) {
    const join = open.get(part.joinId)
    if (!join) continue
    const key = keyOf(part.joinId, part.taskId)
    const isClosed = join.completed_by !== null || join.is_expired
    if (arrived.has(key) || isClosed) {
      // Its worker died before it finished the join, and the message was redelivered.
      if (join.completed_by === part.taskId) completed.add(join.id)
      continue
    }
    arrived.add(key)
    taken.push(part)
    join.arrived++
    changed.add(join.id)
    if (join.size === null || join.arrived < join.size + join.extra) continue
    join.completed_by = part.taskId
    completed.add(join.id)
  }
  return {
    taken,
    changed: [...open.values()].filter(({ id }) => changed.has(id)),
    completed: [...completed],
  }
}

const keyOf = (joinId: string, taskId: string): string => JSON.stringify([joinId, taskId])
