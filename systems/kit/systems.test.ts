import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { run } from '../../test/servers.js'

const SYSTEMS = fileURLToPath(new URL('..', import.meta.url))
const names = readdirSync(SYSTEMS).filter((name) => existsSync(`${SYSTEMS}${name}/system.ts`))

const system = (...words: readonly string[]) =>
  run(process.execPath, [`${SYSTEMS}run.mjs`, ...words], {
    cwd: SYSTEMS,
    env: { NO_COLOR: '1' },
    timeoutMs: 170_000,
  })

describe('a system', () => {
  test.each(names)(
    '%s does its work on embedded stores, though workers are killed',
    { timeout: 180_000 },
    async (name) => {
      const { code, stdout, stderr } = await system(name)
      expect({ code, table: stdout.slice(stdout.indexOf('┌')) }, `${stdout}\n${stderr}`).toEqual({
        code: 0,
        table: expect.stringMatching(/left in queues +│ +0 │/),
      })
    },
  )

  test('that does not exist is one line', async () => {
    const { code, stderr } = await system('cleanup')
    expect({ code, stderr }).toEqual({
      code: 64,
      stderr: expect.stringContaining('There is no system cleanup; available systems are'),
    })
  })

  test('is listed with what it does', async () => {
    const { code, stdout } = await system()
    expect(code).toBe(0)
    for (const name of names) expect(stdout).toMatch(new RegExp(`^  ${name} +\\S`, 'm'))
  })
})
