import { readFileSync, symlinkSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test, vi } from 'vitest'
import { makeProject } from '../loader/project.js'
import { run } from '../servers.js'

vi.setConfig({ testTimeout: 120_000 })

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

test('the tests of the page on testing pass as they stand', async () => {
  const page = readFileSync(`${ROOT}docs/learn/testing.md`, 'utf8')
  const blocks = [...page.matchAll(/^```ts ?(\S*)\n([\s\S]*?)^```$/gm)]
  const files = blocks.map(([, name, code = ''], index) => [name || `page-${index}.test.ts`, code] as const)
  expect(files.map(([name]) => name)).toEqual([
    'tasks.ts',
    'page-1.test.ts',
    'page-2.test.ts',
    'page-3.test.ts',
  ])
  using project = makeProject({ 'package.json': '{"type":"module"}', ...Object.fromEntries(files) })
  symlinkSync(`${ROOT}node_modules/vitest`, project.path('node_modules/vitest'))
  // An environment of its own: the variables of the Vitest that runs this test would make it a part of that.
  const vitest = [process.execPath, `${ROOT}node_modules/vitest/vitest.mjs`, 'run', '--no-color']
  const { code, stdout, stderr } = await run('env', ['-i', `PATH=${process.env.PATH}`, ...vitest], {
    cwd: project.folder,
  })
  expect(stdout, stderr).toMatch(/Tests +3 passed/)
  expect(code).toBe(0)
})
