// A page of the documentation that is made from the code, so that it cannot tell anything else.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

export const ROOT = fileURLToPath(new URL('../', import.meta.url))

/**
 * `script` is the caller's own URL: run by itself it writes the page. Returns what `npm run check` asks: findings, none if the page says
 * what `document` says.
 */
export async function madePage({ script, path, from, command, document }) {
  const file = join(ROOT, path)
  if (script === pathToFileURL(process.argv[1] ?? '').href) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, await document())
  }
  return async () => {
    let written = ''
    try {
      written = readFileSync(file, 'utf8')
    } catch {
      // Not there yet: as stale as can be.
    }
    return written === (await document()) ? [] : [`${path} differs from ${from}: run \`npm run ${command}\``]
  }
}
