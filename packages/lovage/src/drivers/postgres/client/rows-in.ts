type Row = Readonly<Record<string, unknown>>

/** The rows of the answer that a caller's client gives: those of `pg`, or the list of others; undefined = it gives none. */
export function rowsIn(answer: unknown): readonly Row[] | undefined {
  const rows = Array.isArray(answer) ? answer : isRow(answer) ? answer.rows : undefined
  return Array.isArray(rows) ? rows.filter(isRow) : undefined
}

const isRow = (value: unknown): value is Row => typeof value === 'object' && value !== null
