// After the compiler, in the folder of a package: copies what stands in files of its own beside the code (Lua, SQL, styles,
// scripts for browsers), and removes from dist what no longer has a source, which the compiler leaves behind.

import { existsSync } from 'node:fs'
import { cp, readdir, rm } from 'node:fs/promises'

const ASSET = /\.(lua|sql|css|svg|client\.js)$/
const isCopied = (path) => !/\.[^/]+$/.test(path) || ASSET.test(path)
await cp('src', 'dist', { recursive: true, filter: isCopied })

const OUTPUT = /(\.d\.ts|\.js|\.js\.map)$/
for (const file of await readdir('dist', { recursive: true })) {
  const source = OUTPUT.test(file) && !ASSET.test(file) ? file.replace(OUTPUT, '.ts') : file
  const isThere = [source, `${source}x`].some((path) => existsSync(`src/${path}`))
  // The bundle owns what its files share, and removes it itself.
  if (file.startsWith('shared/') && !file.endsWith('.d.ts')) continue
  if (/\.(ts|js|map|lua|sql|css|svg)$/.test(file) && !isThere) await rm(`dist/${file}`)
}
