import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { createTestApp, until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { type PythonCelery, pythonCelery, startRedis } from '../servers.js'

const TASKS = 2_000
const KILLS = 3
const WORKER = fileURLToPath(new URL('mixed-worker.mjs', import.meta.url))

/** A message that a killed Python worker held comes back by the visibility time-out that the fleet agrees on. */
const PYTHON = `
import time
app.conf.update(
    task_acks_late=True, task_reject_on_worker_lost=True, worker_prefetch_multiplier=1, task_track_started=False,
    broker_transport_options={'visibility_timeout': 4})

@app.task(name='mixed.work')
def work(n):
    time.sleep(0.002)
    return ['py', n * 2]
`

test(`Python and TypeScript workers share a queue under load while one of each is killed ${KILLS} times`, {
  timeout: 180_000,
}, async () => {
  const redis = await startRedis()
  const folder = await mkdtemp(join(tmpdir(), 'lovage-mixed-'))
  const claims = join(folder, 'claims')
  await writeFile(claims, '')
  const app = createTestApp('mixed', { broker: redis.url, backend: redis.url, jsonTypes: 'plain' })
  const client = new Redis(redis.url)
  const typescript = new Set<ChildProcess>()
  const python = new Set<PythonCelery>()
  const startTypeScript = async (): Promise<ChildProcess> => {
    const child = spawn(process.execPath, [WORKER], {
      env: { ...process.env, MIXED_BROKER: redis.url, MIXED_CLAIMS: claims },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    typescript.add(child)
    await once(child.stdout, 'data')
    return child
  }
  const startPython = async (): Promise<PythonCelery> => {
    const args = ['-P', 'solo', '-Q', 'mixed', '--without-gossip', '--without-mingle']
    const worker = await pythonCelery({ broker: redis.url, backend: redis.url, source: PYTHON, args })
    python.add(worker)
    return worker
  }
  const killTypeScript = async (child: ChildProcess): Promise<void> => {
    typescript.delete(child)
    const dead = once(child, 'exit')
    child.kill('SIGKILL')
    await dead
  }
  const killPython = async (worker: PythonCelery): Promise<void> => {
    python.delete(worker)
    await worker.kill()
  }

  try {
    const work = app.remote<[n: number], [string, number]>({
      name: 'mixed.work',
      options: { queue: 'mixed' },
      params: ['n'],
    })
    const calls = Array.from({ length: TASKS }, (_, n) => ({ args: [n] as [number] }))
    const backend = await coreOf(app).results()
    await startTypeScript()
    await startPython()
    const results = await work.applyAsyncMany(calls)
    const ids = results.map(({ id }) => id)
    const done = async (): Promise<ReadonlySet<string>> => {
      const found = await backend.get(ids)
      return new Set(found.filter(({ state }) => state === 'SUCCESS').map(({ id }) => id))
    }
    for (let round = 1; round <= KILLS; round++) {
      const share = (TASKS * round) / (KILLS + 2)
      await until(async () => (await done()).size >= share, { timeoutMs: 60_000, what: `${share} done` })
      const [ours] = typescript
      const [theirs] = python
      if (ours) await killTypeScript(ours)
      if (theirs) await killPython(theirs)
      await Promise.all([startTypeScript(), startPython()])
    }

    const broker = await coreOf(app).broker()
    await until(
      async () => {
        const depth = (await broker.depths(['mixed'])).get('mixed')
        return depth?.ready === 0 && depth.delayed === 0 && (await client.hlen('unacked')) === 0
      },
      { timeoutMs: 90_000, what: 'empty queues' },
    )
    const finished = await done()
    const missing = ids.filter((id) => !finished.has(id))
    const claimed = new Set((await readFile(claims, 'utf8')).split('\n'))
    expect(missing.filter((id) => claimed.has(id))).toEqual([])
    // Celery pops a message and then writes it down as unacknowledged; killed in between, it loses the one it held.
    expect(missing.length).toBeLessThanOrEqual(KILLS)

    // What either language stores: its own name, and the value.
    const values = (await backend.get([...finished])).map(({ result }) => result as [string, number])
    const languages = values.map(([language]) => language)
    expect(new Set(languages)).toEqual(new Set(['py', 'ts']))
  } finally {
    for (const child of typescript) await killTypeScript(child)
    for (const worker of python) await killPython(worker)
    client.disconnect()
    await app.close()
    await redis.stop()
    await rm(folder, { recursive: true })
  }
})
