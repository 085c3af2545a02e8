import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Lovage } from 'lovage'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import type { PoolUnderTest } from '../../packages/lovage/src/worker/pools/pool.suite.js'

// Children run the built package, and the app is theirs too: so the worker here is the built one.
type Built = typeof import('../../packages/lovage/src/worker/index.js')
const built = (await import(
  new URL('../../packages/lovage/dist/worker/index.js', import.meta.url).href
)) as Built
const APP = fileURLToPath(new URL('./app.mjs', import.meta.url))
let apps = 0

/** A worker of `app.mjs` on a file of its own, with a pool of this kind. */
export async function startPool(
  kind: 'async' | 'solo' | 'prefork' | 'threads',
  more: {
    readonly slots?: number
    readonly maxTasks?: number
    readonly maxMemory?: number
    /** One whose file it shares. */
    readonly beside?: PoolUnderTest
  } = {},
): Promise<PoolUnderTest> {
  const folder = more.beside ? dirname(more.beside.notes) : mkdtempSync(join(tmpdir(), 'lovage-pools-'))
  const notes = join(folder, 'notes')
  if (!more.beside) writeFileSync(notes, '')
  process.env.POOL_BROKER = `sqlite://${folder}/queue.db`
  process.env.POOL_NOTES = notes
  // A module of its own each time, whose app is on this broker.
  const { app } = (await import(`${APP}?${++apps}`)) as { app: Lovage }
  const lines: { level: string; fields: object; message: string }[] = []
  const logger = (bindings: object = {}): Lovage['logger'] => {
    const at = (level: string) => (fields: object, message: string) =>
      void lines.push({ level, fields: { ...bindings, ...fields }, message })
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      child: (inner) => logger({ ...bindings, ...inner }),
    }
  }
  app.logger = logger()
  const hostname = `${kind}@pools`
  const { clock } = app
  const pool =
    kind === 'async' || kind === 'solo'
      ? new built.AsyncPool(kind === 'solo' ? 1 : (more.slots ?? 2), clock, { kind, abortGraceMs: 100 })
      : new built.ChildPool(kind, {
          slots: more.slots ?? 2,
          source: { spec: { spec: APP, from: 'the test', folder }, include: [], settings: {}, folder },
          hostname,
          clock,
          logger: app.logger,
          ...(more.maxTasks === undefined ? {} : { maxTasksPerChild: more.maxTasks }),
          ...(more.maxMemory === undefined ? {} : { maxMemoryPerChild: more.maxMemory }),
        })
  const worker = await built.startWorker(coreOf(app), { hostname, pool })
  return {
    app,
    worker,
    notes,
    lines,
    async [Symbol.asyncDispose]() {
      await worker.stop()
      await app.close()
      if (!more.beside) rmSync(folder, { recursive: true, force: true })
    },
  }
}
