import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { parse } from 'cjs-module-lexer'
import { sourceOf } from './candidates.js'
import { compile } from './compile.js'
import { isTypeScript } from './source-files.js'

const require = createRequire(import.meta.url)
let lexer: { parse: typeof parse } | undefined

/**
 * An ES module that requires a CommonJS file and exports what it has by name, so that `import { name } from './old.cjs'` finds it. Node
 * looks for such names in a file's own text, where TypeScript has none that it knows, and does not follow `export * from` into a `.ts`.
 */
export function importableCommonJs(file: string, code: string): string {
  const names = [...namesOf(file, code, new Set())].filter((name) => name !== 'default')
  return [
    "import { createRequire } from 'node:module'",
    `const all = createRequire(import.meta.url)(${JSON.stringify(file)})`,
    'export default all',
    // Node 23 and later call it so; earlier versions see one name more.
    "export { all as 'module.exports' }",
    ...names.map(
      (name, n) =>
        `const _${n} = all?.[${JSON.stringify(name)}]\nexport { _${n} as ${JSON.stringify(name)} }`,
    ),
  ].join('\n')
}

/** The names that a CommonJS file exports, by Node's own rules; those of what it exports again too. */
function namesOf(file: string, code: string, seen: Set<string>): Set<string> {
  seen.add(file)
  lexer ??= require('cjs-module-lexer') as { parse: typeof parse }
  const found = lexer.parse(code)
  const names = new Set(found.exports)
  for (const again of found.reexports) {
    const target = sourceOf(again, file) ?? inPackages(again, file)
    if (target === undefined || seen.has(target)) continue
    for (const name of namesIn(target, seen)) names.add(name)
  }
  names.delete('module.exports')
  return names
}

function namesIn(file: string, seen: Set<string>): Iterable<string> {
  if (!/\.[cm]?[jt]sx?$/.test(file)) return []
  try {
    const source = readFileSync(file, 'utf8')
    return namesOf(file, isTypeScript(file) ? compile(file, source, 'commonjs').code : source, seen)
  } catch {
    // The file is missing, broken or an ES module: requiring it says so, and with its own place.
    return []
  }
}

function inPackages(specifier: string, file: string): string | undefined {
  try {
    return createRequire(file).resolve(specifier)
  } catch {
    return undefined
  }
}
