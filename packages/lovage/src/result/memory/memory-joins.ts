import type { Clock } from '../../kernel/index.js'
import { decodeJson } from '../../message/index.js'
import type { CompletedJoin, Join, JoinPart, JoinStore } from '../join-store.js'
import type { ResultTuple } from '../result-backend.js'

/** A join, or members that came before it. */
interface Counted {
  join: Join | undefined
  extra: number
  finished: boolean
  leasedUntilMs: number
  readonly parts: Map<string, JoinPart>
  readonly expiresMs: number
}

/** Joins in this process's memory. */
export class MemoryJoins implements JoinStore {
  readonly #counted = new Map<string, Counted>()
  readonly #groups = new Map<string, ResultTuple>()
  readonly #clock: Clock
  readonly #expiresMs: number

  constructor(clock: Clock, expiresMs: number) {
    this.#clock = clock
    this.#expiresMs = expiresMs || 86_400_000
  }

  async open(joins: readonly Join[]): Promise<readonly CompletedJoin[]> {
    for (const join of joins) this.#of(join.id).join ??= join
    return this.#completed(joins.map(({ id }) => id))
  }

  async arrive(parts: readonly JoinPart[]): Promise<readonly CompletedJoin[]> {
    for (const part of parts) {
      const counted = this.#of(part.joinId)
      if (!counted.finished && !counted.parts.has(part.taskId)) counted.parts.set(part.taskId, part)
    }
    return this.#completed(parts.map(({ joinId }) => joinId))
  }

  async extend(id: string, by: number): Promise<void> {
    this.#of(id).extra += by
  }

  async finish(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const counted = this.#of(id)
      counted.finished = true
      counted.parts.clear()
    }
  }

  async overdue(
    nowMs: number,
    limit: number,
    leaseMs: number,
  ): Promise<readonly Pick<Join, 'id' | 'body'>[]> {
    const due: Join[] = []
    for (const [id, counted] of this.#counted) {
      const { join, finished, leasedUntilMs, expiresMs } = counted
      if (finished || !join) {
        if (expiresMs <= nowMs) this.#counted.delete(id)
        continue
      }
      if (due.length >= limit) break
      if (join.deadlineMs > nowMs || leasedUntilMs > nowMs) continue
      counted.leasedUntilMs = nowMs + leaseMs
      due.push(join)
    }
    return due
  }

  async saveGroup(group: ResultTuple): Promise<void> {
    this.#groups.set(group[0][0], group)
  }
  async group(id: string): Promise<ResultTuple | undefined> {
    return this.#groups.get(id)
  }
  async forgetGroup(id: string): Promise<void> {
    this.#groups.delete(id)
  }

  #of(id: string): Counted {
    const known = this.#counted.get(id)
    if (known) return known
    const expiresMs = this.#clock.now() + this.#expiresMs
    const counted: Counted = {
      join: undefined,
      extra: 0,
      finished: false,
      leasedUntilMs: 0,
      parts: new Map(),
      expiresMs,
    }
    this.#counted.set(id, counted)
    return counted
  }

  #completed(ids: readonly string[]): readonly CompletedJoin[] {
    return [...new Set(ids)].flatMap((id) => {
      const { join, extra, finished, parts } = this.#of(id)
      if (!join || finished || parts.size < join.size + extra) return []
      return [completedJoin(join, [...parts.values()])]
    })
  }
}

const placeOf = ({ index }: JoinPart): number => index ?? Number.POSITIVE_INFINITY

/** A complete join, its members in the order of their places. */
export function completedJoin(
  { id, shape }: Pick<Join, 'id' | 'shape'>,
  parts: readonly JoinPart[],
): CompletedJoin {
  const ordered = [...parts].sort((left, right) => {
    const [a, b] = [placeOf(left), placeOf(right)]
    return a === b ? 0 : a - b
  })
  return {
    id,
    parts: ordered.map(({ taskId, index, state, resultJson }) => ({
      taskId,
      index,
      state,
      result: decodeJson(resultJson),
    })),
    ...(shape ? { shape } : {}),
  }
}
