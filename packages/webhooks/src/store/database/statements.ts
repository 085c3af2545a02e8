import { readFileSync } from 'node:fs'

/**
 * Reads a file of named statements, each headed by `-- name: <name>`.
 * @throws Error when a name is missing from the file, or the file has one that was not requested.
 */
export function readStatements<const Name extends string>(
  file: URL,
  names: readonly Name[],
): Readonly<Record<Name, string>> {
  const parts = readFileSync(file, 'utf8')
    .split(/^-- name: */m)
    .slice(1)
  const found = new Map(
    parts.map((part) => {
      const end = part.indexOf('\n')
      return [part.slice(0, end).trim(), part.slice(end + 1).trim()] as const
    }),
  )
  const strangers = [...found.keys()].filter((name) => !names.some((each) => each === name))
  const missing = names.filter((name) => !found.has(name))
  if (strangers.length + missing.length > 0)
    throw new Error(`${file.pathname}: unused: ${strangers.join(', ')}; missing: ${missing.join(', ')}`)
  // There is one entry for each name.
  return Object.fromEntries(found) as Record<Name, string>
}

/**
 * Statements are written once, in PostgreSQL's dialect, with three forms that are translated for each database: `IN ($1[])` a list of
 * texts, `IN ($1int[])` of numbers; `ROWS($1: id text, n bigint)` a table from a JSON list of objects, named `r`; `FOR UPDATE …`, which
 * SQLite does not need, because its writers run one at a time.
 */
export function forPostgres(statement: string): string {
  return statement
    .replace(/\bIN \(\$(\d+)\[\]\)/g, '= ANY($$$1::text[])')
    .replace(/\bIN \(\$(\d+)int\[\]\)/g, '= ANY($$$1::bigint[])')
    .replace(/\bROWS\(\$(\d+): ([^)]+)\)/g, 'jsonb_to_recordset($$$1::jsonb) AS r($2)')
}

/** See `forPostgres`. */
export function forSqlite(statement: string): string {
  return statement
    .replace(/\bIN \(\$(\d+)(?:int)?\[\]\)/g, 'IN (SELECT value FROM json_each(?$1))')
    .replace(/\bROWS\(\$(\d+): ([^)]+)\)/g, (_all, index: string, columns: string) => {
      const names = columns.split(',').map((column) => column.trim().split(' ')[0])
      const selected = names.map((name) => `json_extract(value, '$.${name}') AS ${name}`).join(', ')
      return `(SELECT ${selected} FROM json_each(?${index})) AS r`
    })
    .replace(/\bFOR UPDATE(?: OF \w+)?(?: SKIP LOCKED)?/g, '')
    .replace(/\$(\d+)(?:::\w+)?/g, '?$1')
}
