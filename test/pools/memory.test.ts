import { createTestApp, startTestWorker } from 'lovage/testing'
import { expect, test } from 'vitest'
import { ChildPool } from '../../packages/lovage/src/worker/index.js'

test('a pool of children refuses a broker that they could not reach', async () => {
  const app = createTestApp()
  const source = { include: [], settings: {}, folder: process.cwd() }
  const { clock, logger } = app
  const pool = new ChildPool('threads', { slots: 1, source, hostname: 'x@y', clock, logger })
  await expect(startTestWorker(app, { pool })).rejects.toMatchObject({ code: 'LVG_CAPABILITY_MISSING' })
  await app.close()
})
