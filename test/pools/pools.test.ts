import { createTestApp, until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { ChildPool } from '../../packages/lovage/src/worker/index.js'
import { describePool } from '../../packages/lovage/src/worker/pools/pool.suite.js'
import { makeProject } from '../loader/project.js'
import { startPool as start } from './start-pool.js'

describePool({ name: 'async', start: () => start('async') })
describePool({ name: 'solo', start: () => start('solo'), isSolo: true })
describePool({ name: 'prefork', start: (more) => start('prefork', more), hasChildren: true })
describePool({ name: 'threads', start: (more) => start('threads', more), hasChildren: true })

test.each(['prefork', 'threads'] as const)(
  'a pool of %s whose children cannot start says why',
  async (kind) => {
    const app = createTestApp()
    const { clock, logger } = app
    const options = { slots: 2, hostname: 'x@y', clock, logger }
    const listener = { onSlots() {}, updateState: async () => {}, sendEvent() {} }
    const folder = process.cwd()
    const spec = { spec: 'nothing/there', from: 'the test', folder }
    const missing = new ChildPool(kind, { ...options, source: { spec, include: [], settings: {}, folder } })
    await expect(missing.start(listener)).rejects.toThrow(/There is no module nothing\/there/)
    using project = makeProject({ 'package.json': '{"type":"module"}', 'quits.js': 'process.exit(3)' })
    const quits = { ...spec, spec: 'quits', folder: project.folder }
    const quitting = new ChildPool(kind, {
      ...options,
      source: { spec: quits, include: [], settings: {}, folder },
    })
    await expect(quitting.start(listener)).rejects.toThrow(/ended before it could run a task: exit code 3/)
    await app.close()
  },
)

test('a child that is killed while it starts is tried again, and its worker starts', {
  timeout: 60_000,
}, async () => {
  using project = makeProject({
    'package.json': '{"type":"module"}',
    'slow.js': `import { Lovage } from 'lovage'
await new Promise((resolve) => setTimeout(resolve, 400))
export const app = new Lovage('slow')`,
  })
  const app = createTestApp()
  const { clock } = app
  const errors: string[] = []
  const logger = { ...app.logger, error: (_fields: object, message: string) => void errors.push(message) }
  const { folder } = project
  const source = { spec: { spec: 'slow', from: 'the test', folder }, include: [], settings: {}, folder }
  const pool = new ChildPool('prefork', { slots: 2, hostname: 'x@y', clock, logger, source })
  const started = pool.start({ onSlots() {}, updateState: async () => {}, sendEvent() {} })
  const killed: number[] = []
  // Both first ones, and then one of those that came for them.
  for (let round = 0; round < 2; round++) {
    const fresh = await until(() => {
      const pids = pool.pids.filter((pid) => pid > 0 && !killed.includes(pid))
      return pids.length === 2 - round && pids
    })
    for (const pid of fresh.slice(0, 2 - round)) {
      process.kill(pid, 'SIGKILL')
      killed.push(pid)
    }
    await until(() => !pool.pids.some((pid) => killed.includes(pid)))
  }
  await started
  expect(pool.pids).toHaveLength(2)
  expect(errors.filter((line) => line.includes('signal SIGKILL'))).toHaveLength(3)
  await pool.stop('warm')
  await app.close()
})
