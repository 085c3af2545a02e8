import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { execute, ROOT } from './run.mjs'

/** Source files that a program loads which only sends tasks: its start, and the memory that each of its processes pays. */
const MOST = 150

/**
 * Importing `lovage` in a producer loads at most `most` source files of the package, in however few bundled files; what few need is
 * loaded when it is used.
 */
export async function checkProducer({ package: folder = join(ROOT, 'packages/lovage'), most = MOST } = {}) {
  const entry = join(folder, 'dist/index.js')
  if (!existsSync(entry)) return [`${entry} is not there: npm run build`]
  const files = await loadedBy(`await import(${JSON.stringify(pathToFileURL(entry).href)})`)
  const own = files
    .filter((url) => url.startsWith(pathToFileURL(join(folder, 'dist/')).href))
    .flatMap((url) => sourcesOf(fileURLToPath(url), folder))
  if (own.length <= most) return []
  const rooms = own.map((path) => path.replace(/\/?[^/]*$/, ''))
  const counts = {}
  for (const room of rooms) counts[room] = (counts[room] ?? 0) + 1
  return [
    `importing lovage loads ${own.length} of its source files, allowed are ${most}`,
    JSON.stringify(counts),
    'Load what a producer does not need when it is used: await import(…)',
  ]
}

/** The source files that stand in a bundled one, by its map; its own name where it has none. */
function sourcesOf(file, folder) {
  if (!existsSync(`${file}.map`)) return [relative(folder, file)]
  const { sources } = JSON.parse(readFileSync(`${file}.map`, 'utf8'))
  return sources.filter((path) => path.includes('src/')).map((path) => path.replace(/^.*src\//, ''))
}

/** The files that a program loads, as V8 tells them. */
export async function loadedBy(code) {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-loaded-'))
  try {
    const env = { NODE_V8_COVERAGE: folder }
    const { code: exitCode, output } = await execute(process.execPath, ['--input-type=module', '-e', code], {
      env,
    })
    if (exitCode !== 0) throw new Error(output)
    const [report] = readdirSync(folder)
    const { result } = JSON.parse(readFileSync(join(folder, report), 'utf8'))
    return result.map(({ url }) => url).filter((url) => url.startsWith('file:'))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
