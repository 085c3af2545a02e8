// Copies what the compiler leaves behind: the Lua and SQL that stand in their own files beside the drivers.
import { cp } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../packages/lovage/', import.meta.url))
const isCopied = (path) => !/\.[^/]+$/.test(path) || /\.(lua|sql)$/.test(path)
await cp(`${root}src`, `${root}dist`, { recursive: true, filter: isCopied })
