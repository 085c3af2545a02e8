import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PACKAGE = fileURLToPath(new URL('../../packages/lovage/', import.meta.url))

/** A user's project in a temporary folder, the package installed in it; removed at the end of the scope. */
export function makeProject(files: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-project-'))
  const write = (more: Readonly<Record<string, string>>): void => {
    for (const [path, text] of Object.entries(more)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), text)
    }
  }
  write(files)
  mkdirSync(join(folder, 'node_modules'), { recursive: true })
  if (!existsSync(join(folder, 'node_modules/lovage')))
    symlinkSync(PACKAGE, join(folder, 'node_modules/lovage'))
  return {
    folder,
    write,
    path: (name: string) => join(folder, name),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }),
  }
}
