import {
  type CallersTransaction,
  type CoordinationStore,
  type Mark,
  OPEN_KEY,
} from '../../../coordination/index.js'
import { readSql } from '../../../process/index.js'
import { rowsIn } from '../client/index.js'

const { put: PUT } = readSql(new URL('./marks-within.sql', import.meta.url), ['put'])

/** Marks that count once a caller's transaction commits. */
export function marksWithin(
  transaction: CallersTransaction,
  sql: Readonly<Record<'listMarks' | 'dropMarks' | 'tell', string>>,
  changeText: (space: string, keys: readonly string[]) => string,
): Pick<CoordinationStore, 'put' | 'remove'> {
  return {
    async put(space, marks, { ifAbsent = false } = {}) {
      // Of several marks under one key the last applies, or with `ifAbsent` the first.
      const ordered = ifAbsent ? [...marks].reverse() : marks
      const given = [...new Map(ordered.map((mark) => [mark.key, mark])).values()]
      const answer = await transaction.query(PUT, [
        space,
        given.map(({ key }) => key),
        given.map(({ value }) => value),
        given.map(({ expiresMs }) => (expiresMs === undefined ? null : Math.ceil(expiresMs))),
        ifAbsent,
      ])
      const written = rowsIn(answer)
      // A transaction that returns no rows: what it wrote cannot be known.
      if (!written) return marks.map(({ key }) => ({ key, value: OPEN_KEY }))
      const own = new Set(written.map(({ key }) => key))
      const standing = new Map<unknown, Mark>(
        given.flatMap((mark) => (own.has(mark.key) ? [[mark.key, mark]] : [])),
      )
      const others = given.flatMap(({ key }) => (own.has(key) ? [] : [key]))
      if (others.length > 0)
        for (const { key, value } of rowsIn(await transaction.query(sql.listMarks, [space, others])) ?? [])
          standing.set(key, { key: String(key), value: String(value) })
      // The server notifies on commit, and only then.
      if (own.size > 0) await transaction.query(sql.tell, [changeText(space, [...own].map(String))])
      return marks.map(({ key }) => standing.get(key) ?? { key, value: OPEN_KEY })
    },
    async remove(space, marks) {
      const answer = await transaction.query(sql.dropMarks, [
        space,
        marks.map(({ key }) => key),
        marks.map(({ value }) => value ?? null),
      ])
      const gone = (rowsIn(answer) ?? []).map(({ key }) => String(key))
      if (gone.length > 0) await transaction.query(sql.tell, [changeText(space, gone)])
      return gone.length
    },
  }
}
