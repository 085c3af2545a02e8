import type { Join, JoinPart } from '../../../result/index.js'
import { defineProgram, readSql, type Statement } from '../file/index.js'

const sql = readSql(new URL('./joins.sql', import.meta.url), [
  'open',
  'completeAtOnce',
  'isOpen',
  'expect',
  'extend',
  'arrive',
  'count',
  'again',
  'due',
  'join',
  'parts',
  'finish',
  'dropParts',
  'saveGroup',
  'group',
  'forgetGroup',
  'pruneGroups',
])
type Statements = Readonly<Record<keyof typeof sql, Statement>>

/** Passed to every procedure that may hand out joins, because the thread does not have the app's clock. */
export interface Held {
  readonly nowMs: number
  readonly holdMs: number
}
/** Parts to be written to the file. */
export interface Arrivals extends Held {
  readonly parts: readonly JoinPart[]
}
/** A part as it is read back. */
export type PartRow = readonly [
  taskId: string,
  index: number | null,
  state: JoinPart['state'],
  resultJson: string,
]
/** A join as it leaves the thread; `joinOf` reads it. */
export interface JoinRow {
  readonly id: string
  readonly body: string
  readonly shape: string | null
  readonly parts: readonly PartRow[]
  readonly expired: boolean
}

/**
 * The joins' share of a SQLite file. The broker's program may call `open`, `arrive` and `finish` inside the
 * transaction that settles a member.
 */
export default defineProgram({
  name: 'joins',
  migrations: [new URL('./joins-schema-1.sql', import.meta.url)],
  open(connection) {
    // One entry per name, as `readSql` has checked.
    const on = Object.fromEntries(
      Object.entries(sql).map(([name, text]) => [name, connection.prepare(text)]),
    ) as Statements
    return {
      writes: {
        open: ({ joins, nowMs, holdMs }: Held & { joins: readonly Join[] }): JoinRow[] =>
          joins.flatMap(({ id, size, body, shape, deadlineMs }) => {
            on.open.run([id, size, body, shape ? JSON.stringify(shape) : null, deadlineMs])
            return on.completeAtOnce.run([id, nowMs + holdMs]) > 0 ? [read(on, id)] : []
          }),
        extend({ id, taskIds }: { id: string; taskIds: readonly string[] }): boolean {
          if (!on.isOpen.get([id])) return false
          const added = taskIds.reduce((sum, taskId) => sum + on.expect.run([id, taskId]), 0)
          on.extend.run([id, added])
          return true
        },
        arrive({ parts, nowMs, holdMs }: Arrivals): JoinRow[] {
          const completed = new Set<string>()
          for (const part of parts) if (completes(on, part, nowMs + holdMs)) completed.add(part.joinId)
          return [...completed].map((id) => read(on, id))
        },
        due: ({ nowMs, holdMs, limit }: Held & { limit: number }): JoinRow[] =>
          on.due.all<[string]>([nowMs, nowMs + holdMs, limit]).map(([id]) => read(on, id)),
        finish(ids: readonly string[]): void {
          for (const id of ids) if (on.finish.run([id]) > 0) on.dropParts.run([id])
        },
        saveGroup: ({ id, tuple, nowMs }: { id: string; tuple: string; nowMs: number }): number =>
          on.saveGroup.run([id, tuple, nowMs]),
        forgetGroup: (id: string): number => on.forgetGroup.run([id]),
        pruneGroups: ({ beforeMs, limit }: { beforeMs: number; limit: number }): number =>
          on.pruneGroups.run([beforeMs, limit]),
      },
      reads: {
        group: (id: string): string | undefined => on.group.get<[string]>([id])?.[0],
      },
    }
  },
})

/** Takes a part; returns whether its deliverer must now finish the join. */
function completes(
  on: Statements,
  { joinId, taskId, index, state, resultJson }: JoinPart,
  untilMs: number,
): boolean {
  if (on.arrive.run([joinId, taskId, index, state, resultJson]) > 0)
    return on.count.get<[number]>([joinId, taskId, untilMs])?.[0] === 1
  return on.again.run([joinId, taskId, untilMs]) > 0
}

function read(on: Statements, id: string): JoinRow {
  const [body = '', shape = null, isExpired = 0] = on.join.get<[string, string | null, number]>([id]) ?? []
  return { id, body, shape, parts: on.parts.all<[...PartRow]>([id]), expired: isExpired === 1 }
}
