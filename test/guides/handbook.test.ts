import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { MAIN } from '../cli/command.js'
import { type RedisServer, run, startRedis } from '../servers.js'
import { importProgram, readGuide } from './guide.js'

const guide = readGuide('../operate/handbook.md')
const page = readFileSync(fileURLToPath(new URL('../../docs/operate/handbook.md', import.meta.url)), 'utf8')

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis({ appendonly: 'always' })
})
afterAll(() => redis?.stop())

test('the commands and the program of the handbook do what they say, one after the other', {
  timeout: 300_000,
}, async () => {
  using shop = guide.makeShop()
  const [, port = ''] = /:(\d+)/.exec(redis.url) ?? []
  const program = (name: string, line: string): void => {
    writeFileSync(shop.path(`bin/${name}`), `#!/bin/sh\nexec ${line} "$@"\n`)
    chmodSync(shop.path(`bin/${name}`), 0o755)
  }
  for (const folder of ['bin', 'run', 'log']) mkdirSync(shop.path(folder))
  program('celery', `${process.execPath} ${MAIN}`)
  program('redis-cli', `/usr/bin/redis-cli -p ${port}`)
  const env = {
    PATH: `${shop.path('bin')}:${process.env.PATH}`,
    CELERY_BROKER_URL: redis.url,
    NO_COLOR: '1',
  }
  const isUp = async () =>
    (await run('celery', ['-A', 'app.ts', 'status'], { cwd: shop.folder, env })).code === 0
  const failed: unknown[] = []
  const said = new Map<string, string>()
  for (const line of guide.commands) {
    // Redis writes its own file where it runs, not in the shop.
    if (line.includes('dump.rdb')) writeFileSync(shop.path('dump.rdb'), '')
    if (line.includes(' status')) await until(isUp)
    const { code, stdout, stderr } = await run('sh', ['-c', line], { cwd: shop.folder, env })
    said.set(line, stdout)
    if (code !== 0) failed.push({ line, code, stdout, stderr })
    if (line.startsWith('kill -HUP')) await until(isUp)
    if (line.includes('"broken"'))
      await until(async () =>
        (
          await run('celery', ['-A', 'app.ts', 'dead', 'list', '-Q', 'normal'], { cwd: shop.folder, env })
        ).stdout.includes('no title'),
      )
    if (line.includes('pool_shrink')) {
      process.env.CELERY_BROKER_URL = redis.url
      const sent = await importProgram(shop, 'send.ts')
      expect(sent, sent.stderr).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/PENDING[\s\S]*monitor_123 is well/),
      })
    }
  }
  // They write their last lines and remove their pid files before the shop may go.
  await until(async () => readdirSync(shop.path('run')).length === 0)
  expect(failed).toEqual([])
  const saidBy = (part: string): string => [...said].find(([line]) => line.includes(part))?.[1] ?? ''
  expect(saidBy('inspect registered')).toContain('jobs.check_monitor')
  expect(saidBy('queue list normal')).toContain('later')
  expect(saidBy('dead list')).toContain('jobs.check_monitor')
  expect(saidBy('migrate-queue low high')).toMatch(/1/)
  expect(saidBy('info memory')).toContain('used_memory_human')
})

test('what the handbook names exists', () => {
  for (const [, path = ''] of page.matchAll(/(?<=[\s(])((?:deploy|\.\.\/\.\.)\/[\w./-]+\w)/g)) {
    const url = path.startsWith('deploy')
      ? new URL(`../../${path}`, import.meta.url)
      : new URL(path, new URL('../../docs/operate/', import.meta.url))
    expect(() => readFileSync(url), path).not.toThrow()
  }
})

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('not within a minute')
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}
