import { isLovageError } from '../../kernel/index.js'

/** Prints an error as a sentence with its remedy; with its stack when it is not meant for users. */
export function explain(error: unknown): void {
  if (isLovageError(error)) {
    const lines = [`Error: ${error.message}`, ...(error.hint ? [`  ${error.hint}`] : []), `  [${error.code}]`]
    console.error(lines.join('\n'))
    return
  }
  console.error(error instanceof Error ? (error.stack ?? error.message) : error)
}

/** Prints columns, with numbers right-aligned. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [head, ...rows.map((row) => row.map(String))]
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  const isNumber = head.map((_, column) =>
    rows.every((row) => typeof row[column] === 'number' || row[column] === '-'),
  )
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        isNumber[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd()
  return cells.map(line).join('\n')
}
