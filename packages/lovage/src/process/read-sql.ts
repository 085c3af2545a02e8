import { readFileSync } from 'node:fs'

/**
 * Reads a file of named statements, each headed by `-- name: <name>`, e.g. `readSql(new URL('./results.sql', import.meta.url), ['store',
 * 'get'])`. Comments above the first heading belong to the file itself.
 *
 * @throws Error when a name is missing from the file, or the file has one that was not requested: an unused statement is as wrong as a
 * missing one.
 */
export function readSql<const Name extends string>(
  file: URL,
  names: readonly Name[],
): Readonly<Record<Name, string>> {
  const found = new Map<string, string>()
  for (const part of readFileSync(file, 'utf8')
    .split(/^-- name: */m)
    .slice(1)) {
    const end = part.indexOf('\n')
    found.set(part.slice(0, end).trim(), part.slice(end + 1).trim())
  }
  const statements = names.map((name) => {
    const statement = found.get(name)
    if (statement === undefined) throw new Error(`${file.pathname} has no statement named ${name}`)
    found.delete(name)
    return [name, statement] as const
  })
  if (found.size > 0)
    throw new Error(`${file.pathname} has unused statements: ${[...found.keys()].join(', ')}`)
  // The entries are exactly one per name.
  return Object.fromEntries(statements) as Record<Name, string>
}
