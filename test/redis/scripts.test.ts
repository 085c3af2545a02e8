import { readdirSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { definedScripts } from '../../packages/lovage/src/drivers/redis/client/index.js'
// Their scripts are bound when they are loaded.
import '../../packages/lovage/src/drivers/redis/schedule/index.js'
import '../../packages/lovage/src/drivers/redis/broker/index.js'
import '../../packages/lovage/src/drivers/redis/coordination/index.js'
import '../../packages/lovage/src/drivers/redis/results/index.js'

const source = fileURLToPath(new URL('../../packages/lovage/src/', import.meta.url))
const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((path) =>
  path.endsWith('.lua'),
)
const isScript = (text: string): boolean => /\bKEYS\b/.test(text)

/** The words of a line of the header: names, `...` or `…` marking the one that repeats; a remark in brackets is none. */
function header(text: string, line: string): string[] {
  const [, words = ''] = new RegExp(`^-- ${line} +(.+)$`, 'm').exec(text) ?? []
  return words.replace(/\(.*$/, '').replaceAll('...', '…').match(/\S+/g) ?? []
}

describe.each(definedScripts().map((script) => [script.name, script.definition] as const))(
  'the script %s',
  (_name, { file, keys, args }) => {
    const text = readFileSync(file, 'utf8')
    it('has the keys and arguments that its header names', () => {
      expect(header(text, 'KEYS')).toEqual(keys)
      expect(header(text, 'ARGV')).toEqual(args)
    })
    it('says what it replies and what it keeps true', () => {
      expect(text).toMatch(/^-- REPLY {6}\S/m)
      expect(text).toMatch(/^-- INVARIANT {2}\S/m)
    })
  },
)

describe('the Lua files', () => {
  it.each(files)('%s has at most 80 lines of at most 120 characters', (path) => {
    const lines = readFileSync(source + path, 'utf8')
      .trimEnd()
      .split('\n')
    expect(lines.length).toBeLessThanOrEqual(80)
    expect(lines.filter((line) => line.length > 120)).toEqual([])
  })

  it('are all bound, or used by one that is', () => {
    const used = definedScripts().flatMap(({ definition }) => [definition.file, ...(definition.uses ?? [])])
    const names = new Set(used.map((file) => basename(fileURLToPath(file))))
    expect(files.map((path) => basename(path)).filter((name) => !names.has(name))).toEqual([])
    expect(
      files.filter(
        (path) =>
          isScript(readFileSync(source + path, 'utf8')) &&
          !definedScripts().some(({ name }) => `${name}.lua` === basename(path)),
      ),
    ).toEqual([])
  })
})
