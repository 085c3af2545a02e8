import { createTestApp } from 'lovage/testing'
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
    const ears = { onSlots() {}, updateState: async () => {}, sendEvent() {} }
    const folder = process.cwd()
    const spec = { spec: 'nothing/there', from: 'the test', folder }
    const missing = new ChildPool(kind, { ...options, source: { spec, include: [], settings: {}, folder } })
    await expect(missing.start(ears)).rejects.toThrow(/There is no module nothing\/there/)
    using project = makeProject({ 'package.json': '{"type":"module"}', 'quits.js': 'process.exit(3)' })
    const quits = { ...spec, spec: 'quits', folder: project.folder }
    const quitting = new ChildPool(kind, {
      ...options,
      source: { spec: quits, include: [], settings: {}, folder },
    })
    await expect(quitting.start(ears)).rejects.toThrow(/ended before it could run a task: exit code 3/)
    await app.close()
  },
)
