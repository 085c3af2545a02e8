import { readFileSync } from 'node:fs'
import { createTestApp } from 'lovage/testing'
import { expect, test } from 'vitest'
import { Command, lovage } from '../cli/command.js'
import { pythonCelery, startRedis } from '../servers.js'
import { readGuide } from './guide.js'

const { programs, makeShop } = readGuide('beside-python.md')
const page = readFileSync(new URL('../../docs/guides/beside-python.md', import.meta.url), 'utf8')

test('the two halves of the guide beside Python call each other', { timeout: 90_000 }, async () => {
  const redis = await startRedis()
  const here = (code: string): string => code.replaceAll('redis://localhost:6379/0', redis.url)
  using shop = makeShop()
  shop.write(Object.fromEntries(programs.map(({ name, code }) => [name, here(code)])))
  // The tests' own Celery app stands for the one that the guide makes.
  const [, python = ''] = /^```python shop\.py\n[\s\S]*?^(app\.conf[\s\S]*?)^```$/m.exec(page) ?? []
  const celery = await pythonCelery({
    broker: redis.url,
    backend: redis.url,
    source: here(python),
    args: ['-P', 'solo', '-Q', 'python', '--without-gossip', '--without-mingle'],
  })
  await using worker = new Command(['-A', 'tasks.ts', 'worker', '-Q', 'typescript', '-l', 'info'], {
    cwd: shop.folder,
  })
  await worker.says(/ready/)
  const app = createTestApp('shop', {
    broker: redis.url,
    backend: redis.url,
    taskRoutes: { 'py.*': 'python' },
  })
  try {
    expect(await (await app.sendTask('py.price', { args: [2] })).get({ timeout: 20 })).toBe(6)
    const invoice = await (await app.sendTask('py.order', { args: [5] })).get({ timeout: 20 })
    expect(await app.asyncResult(String(invoice)).get({ timeout: 20 })).toBe('invoice over 5')
    const { stdout } = await lovage(['-A', 'tasks.ts', 'inspect', 'registered'], { cwd: shop.folder })
    expect(stdout).toContain('py.price')
    expect(stdout).toContain('ts.invoice')
  } finally {
    await celery.stop()
    await app.close()
    await redis.stop()
  }
})
