import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const byFolder = new Map<string, 'module' | 'commonjs' | 'unsaid'>()

/** A file's module kind by Node's rules: its extension first, then `type` in the nearest package.json. */
export function moduleKind(file: string): 'module' | 'commonjs' | 'unsaid' {
  if (/\.mtsx?$/.test(file)) return 'module'
  if (/\.ctsx?$/.test(file)) return 'commonjs'
  return kindOfFolder(dirname(file))
}

function kindOfFolder(folder: string): 'module' | 'commonjs' | 'unsaid' {
  const known = byFolder.get(folder)
  if (known) return known
  const kind =
    typeInPackage(folder) ?? (dirname(folder) === folder ? 'unsaid' : kindOfFolder(dirname(folder)))
  byFolder.set(folder, kind)
  return kind
}

/** undefined = there is no package.json here. */
function typeInPackage(folder: string): 'module' | 'commonjs' | 'unsaid' | undefined {
  let text: string
  try {
    text = readFileSync(join(folder, 'package.json'), 'utf8')
  } catch {
    return undefined
  }
  const { type } = JSON.parse(text) as { type?: unknown }
  return type === 'module' || type === 'commonjs' ? type : 'unsaid'
}
