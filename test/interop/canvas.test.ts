import type { Worker } from 'lovage'
import { chain, chord, group, type Lovage, type Signature } from 'lovage'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type PythonCelery, pythonCelery, type RedisServer, startRedis } from '../servers.js'

/** Python's half of every canvas; `ts(...)` is a signature of a TypeScript task. Each side's routes know where the other's tasks go. */
const TASKS = `
app.conf.update(task_default_queue='py', task_acks_late=True, task_routes={'ts.*': {'queue': 'ts'}})

def ts(name, *args, **options):
    return app.signature('ts.' + name, args=args, **options)

@app.task(name='py.add')
def add(x, y):
    return x + y

@app.task(name='py.total')
def total(values):
    return sum(values)

@app.task(name='py.fail')
def fail(*args):
    raise ValueError('python says no')

@app.task(name='py.replaced', bind=True)
def replaced(self, x):
    raise self.replace(ts('add', x, 100))

seen = []
@app.task(name='py.note_error')
def note_error(task_id):
    seen.append(task_id)
    app.backend.client.rpush('errors', task_id)
`

let redis: RedisServer
let python: PythonCelery
let app: Lovage
let worker: Worker
const soon = { timeout: 15 }

function tasksOf(of: Lovage) {
  const add = of.task({ name: 'ts.add', params: ['x', 'y'], run: (_ctx, x: number, y: number) => x + y })
  const total = of.task({
    name: 'ts.total',
    params: ['values'],
    run: (_ctx, values: number[]) => values.reduce((sum, value) => sum + value, 0),
  })
  const fail = of.task({
    name: 'ts.fail',
    run: (): number => {
      throw new RangeError('typescript says no')
    },
  })
  const replaced = of.task({
    name: 'ts.replaced',
    run: (ctx, x: number): number => {
      throw ctx.replace(py.add.s(x, 1000))
    },
  })
  const py = {
    add: of.remote<[x: number, y: number], number>({ name: 'py.add', options: {} }),
    total: of.remote<[values: number[]], number>({ name: 'py.total', options: {} }),
    fail: of.remote<[], number>({ name: 'py.fail', options: {} }),
    replaced: of.remote<[x: number], number>({ name: 'py.replaced', options: {} }),
    noteError: of.remote<[taskId: string], null>({ name: 'py.note_error', options: {} }),
  }
  return { add, total, fail, replaced, py }
}
let made: ReturnType<typeof tasksOf>

beforeAll(async () => {
  redis = await startRedis()
  python = await pythonCelery({
    broker: redis.url,
    backend: redis.url,
    source: TASKS,
    args: ['-P', 'solo', '-Q', 'py', '--without-gossip', '--without-mingle'],
  })
  app = createTestApp('ts', {
    broker: redis.url,
    backend: redis.url,
    taskDefaultQueue: 'ts',
    taskRoutes: { 'py.*': { queue: 'py' } },
    jsonTypes: 'plain',
  })
  made = tasksOf(app)
  worker = await startTestWorker(app, { queues: ['ts'] })
})
afterAll(async () => {
  await worker?.stop()
  await app?.close()
  await python?.stop()
  await redis?.stop()
})

/** What a canvas that Python builds gives, as JSON. */
const built = async (expression: string): Promise<unknown> =>
  JSON.parse(await python.run(`print(json.dumps((${expression})))`))

describe('a canvas that Python built', () => {
  test('runs as a chain through both languages', async () => {
    expect(
      await built(`chain(ts('add', 1, 2), add.s(10), ts('add', 100), ts('add', 1000))().get(timeout=15)`),
    ).toBe(1113)
  })

  test('runs as a group', async () => {
    expect(await built(`group(ts('add', 1, 2), add.s(3, 4), ts('add', 5, 6))().get(timeout=15)`)).toEqual([
      3, 7, 11,
    ])
  })

  test.each([
    ['TypeScript', `ts('total')`],
    ['Python', 'total.s()'],
  ])('runs as a chord with members of both and its body in %s', async (_language, body) => {
    expect(
      await built(
        `chord([ts('add', 1, 1), add.s(2, 2), ts('add', 3, 3), add.s(4, 4)], ${body})().get(timeout=15)`,
      ),
    ).toBe(20)
  })

  test('nests: a chain in a header, a chord behind a step, a chord in a chord', async () => {
    expect(
      await built(
        `chord([chain(ts('add', 1, 1), ts('add', 1)), add.s(2, 2)], ts('total'))().get(timeout=15)`,
      ),
    ).toBe(7)
    expect(
      await built(
        `(ts('add', 1, 1) | group(ts('add', 1), add.s(2)) | ts('total') | add.s(100))().get(timeout=15)`,
      ),
    ).toBe(107)
    expect(
      await built(
        `chord([chord([ts('add', 1, 1), ts('add', 2, 2)], ts('total')), ts('add', 4, 4)], total.s())().get(timeout=15)`,
      ),
    ).toBe(14)
  })

  test('calls back and calls errbacks', async () => {
    expect(
      await python.run(`
result = ts('fail').apply_async(link_error=note_error.s())
try: result.get(timeout=15)
except Exception as error: print(type(error).__name__, error)
import time
for _ in range(100):
    noted = app.backend.client.lrange('errors', 0, -1)
    if result.id.encode() in noted: break
    time.sleep(0.05)
print(result.id.encode() in noted)
`),
    ).toBe('RangeError typescript says no\nTrue\n')
  })

  test('fails its chord with the error of the member that failed', async () => {
    expect(
      await python.run(`
result = chord([ts('add', 1, 1), ts('fail'), add.s(1, 1)], total.s())()
error = result.get(timeout=15, propagate=False)
print(type(error).__name__, 'typescript says no' in str(error))
`),
    ).toBe('ChordError True\n')
  })

  test('replaces itself by a task of ours, inside a chain too', async () => {
    expect(await built(`chain(replaced.s(1), ts('add', 10))().get(timeout=15)`)).toBe(111)
  })
})

describe('a canvas that TypeScript built', () => {
  test('runs as a chain through both languages', async () => {
    const { add, py } = made
    const result = await chain(py.add.s(1, 2), add.s(10), py.add.s(100)).delay()
    expect(await result.get(soon)).toBe(113)
    expect(await result.parent?.get(soon)).toBe(13)
  })

  test('runs a long chain by turns, whose later steps are passed on unread', async () => {
    const { add, replaced, total, py } = made
    const pairs = Array.from({ length: 20 }, () => [py.add.s(1), add.s(1)]).flat()
    const steps = pairs.reduce<Signature<[], number>>((before, next) => before.pipe(next), add.s(0, 0))
    const last = steps
      .pipe(replaced.s())
      .pipe(group([add.s(1), py.add.s(2)]))
      .pipe(total.s())
    // 40 × 1 + 1000, then 1041 + 1042.
    expect(await (await last.delay()).get(soon)).toBe(2083)
    const failing = await pairs
      .reduce<Signature<[], number>>((before, next) => before.pipe(next), steps.pipe(py.fail.si()))
      .delay()
    await expect(failing.get(soon)).rejects.toThrow(/python says no/)
  })

  test('runs as a group and as a chord, members and bodies in both', async () => {
    const { add, total, py } = made
    const members = [add.s(1, 1), py.add.s(2, 2), add.s(3, 3), py.add.s(4, 4)]
    expect(await (await group(members).delay()).get(soon)).toEqual([2, 4, 6, 8])
    expect(await (await chord(members, total.s()).delay()).get(soon)).toBe(20)
    expect(await (await chord(members, py.total.s()).delay()).get(soon)).toBe(20)
  })

  test('nests', async () => {
    const { add, total, py } = made
    const canvas = add
      .s(1, 1)
      .pipe(group([py.add.s(1), add.s(2)]))
      .pipe(py.total.s())
      .pipe(add.s(100))
    expect(await (await canvas.delay()).get(soon)).toBe(107)
    const inner = chord([py.add.s(1, 1), add.s(2, 2)], total.s())
    expect(await (await chord([inner, py.add.s(4, 4)], py.total.s()).delay()).get(soon)).toBe(14)
  })

  test('fails its chord and calls errbacks in Python', async () => {
    const { add, py } = made
    const failing = await chord([add.s(1, 1), py.fail.s()], py.total.s()).delay()
    await expect(failing.get(soon)).rejects.toThrow(/python says no/)
    const result = await py.fail.s().linkError(py.noteError.s()).delay()
    await expect(result.get(soon)).rejects.toThrow(/python says no/)
  })

  test('is replaced by work in either language', async () => {
    const { add, replaced, py } = made
    expect(await (await chain(replaced.s(1), add.s(10)).delay()).get(soon)).toBe(1011)
    expect(await (await chain(py.replaced.s(1), add.s(10)).delay()).get(soon)).toBe(111)
  })
})

test('a group that either language keeps is found by the other', async () => {
  const { add, py } = made
  const sent = await group([add.s(1, 2), py.add.s(3, 4)]).delay()
  await sent.save()
  expect(await python.run(`print(app.GroupResult.restore('${sent.id}').get(timeout=15))`)).toBe('[3, 7]\n')
  const id = await python.run(`
result = group(ts('add', 1, 2), add.s(3, 4))()
result.save()
print(result.id)
`)
  const found = await app.groupResult<[number, number]>(id.trim())
  expect(await found?.get(soon)).toEqual([3, 7])
})

test('no chord leaves a count behind for good', async () => {
  const { Redis } = await import('ioredis')
  const client = new Redis(redis.url)
  try {
    // Two chords failed: Celery leaves what a failed chord counted to its time to live.
    await until(async () => (await client.keys('celery-taskset-meta-*.j')).length <= 2, { timeoutMs: 5_000 })
    const counts = await client.keys('celery-taskset-meta-*.[jts]')
    const lives = await Promise.all(counts.map((key) => client.pttl(key)))
    expect(lives.filter((lifeMs) => lifeMs < 0)).toEqual([])
  } finally {
    client.disconnect()
  }
})
