import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Lovage } from 'lovage'
import { describe, expect, test } from 'vitest'
import { run } from '../../test/servers.js'
import { openDatabase } from './open-database.js'

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

  test.each([
    [64, /^Unknown option '--brokr'/, ['--brokr', 'redis://127.0.0.1:1']],
    [78, /^--broker: Redis cannot be reached .*127\.0\.0\.1:1/, ['--broker', 'redis://127.0.0.1:1']],
    [78, /^--broker: No broker serves nonsense/, ['--broker', 'nonsense']],
    [78, /^--database: .*ECONNREFUSED 127\.0\.0\.1:1/, ['--database', 'postgresql://127.0.0.1:1/x']],
    [78, /^--database: .*no supported database \(mysql:\)/, ['--database', 'mysql://127.0.0.1/x']],
  ] as const)('does not begin where it cannot end: %i, %s', async (expected, says, words) => {
    const { code, stdout, stderr } = await system('monitoring', ...words)
    expect({ code, stdout, stderr }).toEqual({
      code: expected,
      stdout: '',
      stderr: expect.stringMatching(says),
    })
    expect(stderr).not.toContain('    at ')
  })

  test('does not mix what it counts with what is there already', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lovage-places-'))
    const at = (name: string): string => `sqlite://${join(folder, `${name}.db`)}`
    const [broker, database] = [at('queue'), at('data')]
    const app = new Lovage('former', { broker, env: {} })
    await app.sendTask('left.over')
    await app.close()
    const db = await openDatabase(database)
    await db.migrate(['CREATE TABLE former (id TEXT)'])
    await db.close()
    expect(await system('monitoring', '--broker', broker)).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('--broker: 1 message and 0 dead letters are there already'),
    })
    expect(await system('monitoring', '--database', database)).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('--database: it has 1 table already'),
    })
    rmSync(folder, { recursive: true })
  })

  test('is listed with what it does', async () => {
    const { code, stdout } = await system()
    expect(code).toBe(0)
    for (const name of names) expect(stdout).toMatch(new RegExp(`^  ${name} +\\S`, 'm'))
  })
})
