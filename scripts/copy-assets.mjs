// After the compiler: copies the Lua and SQL that stand in their own files beside the drivers, and removes from dist what
// no longer has a source, which the compiler leaves behind.

import { existsSync } from 'node:fs'
import { cp, readdir, rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../packages/lovage/', import.meta.url))
const isCopied = (path) =>
  !/\.[^/]+$/.test(path) || (/\.(lua|sql)$/.test(path) && !/\.suite\.sql$/.test(path))
await cp(`${root}src`, `${root}dist`, { recursive: true, filter: isCopied })

const OUTPUT = /(\.d\.ts|\.js|\.js\.map)$/
for (const file of await readdir(`${root}dist`, { recursive: true })) {
  const source = OUTPUT.test(file) ? file.replace(OUTPUT, '.ts') : file
  if (/\.(ts|js|map|lua|sql)$/.test(file) && !existsSync(`${root}src/${source}`))
    await rm(`${root}dist/${file}`)
}
