import type { Output } from './command.js'

/** Output of a command to the process's own streams. */
export function processOutput(isJson: boolean): Output {
  const line = (text: string) => void process.stdout.write(`${text}\n`)
  return {
    isJson,
    rows(items, columns) {
      if (isJson) for (const item of items) line(JSON.stringify(item))
      else for (const row of table(items, columns)) line(row)
    },
    value: (value, text) => line(isJson ? JSON.stringify(value) : text),
    say: (text) => void process.stderr.write(`${text}\n`),
  }
}

function table(items: readonly object[], columns: readonly string[]): readonly string[] {
  const rows = [columns, ...items.map((item) => columns.map((column) => cell(item, column)))]
  const widths = columns.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((text, at) => text.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

function cell(item: object, column: string): string {
  const value: unknown = Object.entries(item).find(([name]) => name === column)?.[1]
  if (value === null || value === undefined) return '-'
  if (column.endsWith('Ms') && column !== 'durationMs' && typeof value === 'number')
    return new Date(value).toISOString()
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.join(',')
  // Texts of receivers may hold control characters, which a terminal would obey.
  return String(typeof value === 'object' ? JSON.stringify(value) : value).replaceAll(/\p{Cc}+/gu, ' ')
}
