import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { examplesMissingIn } from '../../scripts/checks/examples.mjs'
import { ROOT } from '../../scripts/checks/run.mjs'

test('the check of examples finds functions and classes without one, behind every door', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lovage-examples-'))
  const files = {
    'dist/index.d.ts': `export { type Given, later } from './inside.js'
/** Shown. @example open() */
export declare function open(): void
/** Not shown. */
export declare function shut(): void
/** Of several signatures one is enough. */
export declare function set(value: string): void
/** @example set(1) */
export declare function set(value: number): void
export declare class Refused extends Error {}
/** @deprecated Use \`open\`. */
export declare function unlock(): void
export interface Options { readonly a: 1 }
export declare const LIMIT: number
`,
    'dist/second.d.ts': 'export declare const each: (value: string) => void\n',
    'dist/inside.d.ts': `export declare class Given { a: 1 }
/**
 * Shown.
 * @example
 * later(1)
 */
export declare const later: (ms: number) => void
`,
  }
  try {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await writeFile(join(folder, path), text)
    }
    const exports = { '.': { types: './dist/index.d.ts' }, './second': { types: './dist/second.d.ts' } }
    const found = examplesMissingIn([
      { folder: relative(ROOT, folder), name: 'planted', manifest: { exports } },
    ])
    expect(found).toEqual([
      expect.stringMatching(/index\.d\.ts: shut, which planted exports, has no @example/),
      expect.stringMatching(/inside\.d\.ts: Given, which planted exports, has no @example/),
      expect.stringMatching(/second\.d\.ts: each, which planted\/second exports, has no @example/),
    ])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
