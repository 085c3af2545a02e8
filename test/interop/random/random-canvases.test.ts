import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { type AnyResult, isLovageError, type Lovage, type Worker } from 'lovage'
import { createTestApp, startTestWorker } from 'lovage/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type PythonCelery, pythonCelery, type RedisServer, startRedis } from '../../servers.js'
import { build, type Drawing, draw, randomFrom } from './drawing.js'
import { isExcepted, lessErrbacks, moreErrbacks } from './exceptions.js'

const COUNT = Number(process.env.LOVAGE_CANVASES ?? 40)
const SEED = Number(process.env.LOVAGE_SEED ?? 20_261_129)
const DEPTH = Number(process.env.LOVAGE_CANVAS_DEPTH ?? 3)
/** Celery leaves some canvases without an end: each half of the comparison waits so long for them. */
const PATIENCE_S = Math.max(40, COUNT / 4)
const TIMEOUT_MS = 120_000 + PATIENCE_S * 4_000

/** Python's half: the same tasks, and a note in Redis for every link and errback that was called. */
const TASKS = `
app.conf.update(task_default_queue='work', task_acks_late=True, result_chord_join_timeout=15.0, worker_prefetch_multiplier=1)

@app.task(name='t.tag')
def tag(*args):
    return list(args)

@app.task(name='t.fail')
def fail(*args):
    raise ValueError('no')

@app.task(name='t.swap', bind=True)
def swap(self, *args):
    raise self.replace(tag.s(*args) | tag.s('swapped'))

@app.task(name='t.note')
def note(*args):
    app.backend.client.rpush('notes', args[-1])
`

/** What a canvas gave, whichever language asked. */
type Outcome = unknown

let redis: RedisServer
let client: Redis
let python: PythonCelery
const drawings: readonly Drawing[] = Array.from({ length: COUNT }, (_, place) =>
  named(draw(randomFrom(SEED + place), DEPTH), place),
)
const BUILD = readFileSync(new URL('./canvas.py', import.meta.url), 'utf8')

beforeAll(async () => {
  redis = await startRedis()
  client = new Redis(redis.url)
  python = await pythonCelery({
    broker: redis.url,
    backend: redis.url,
    source: TASKS,
    args: ['-P', 'threads', '-c', '8', '-Q', 'work', '--without-gossip', '--without-mingle'],
  })
})
afterAll(async () => {
  client?.disconnect()
  await python?.stop()
  await redis?.stop()
})

/** The same drawing with names that no other canvas has, so that notes tell whose they are. */
function named(drawing: Drawing, place: number): Drawing {
  const text = JSON.stringify(drawing).replace(/"(n|link|errback)(\d+)"/g, `"${place}.$1$2"`)
  return JSON.parse(text) as Drawing
}

function ours(): Lovage {
  const app = createTestApp('random', {
    broker: redis.url,
    backend: redis.url,
    taskDefaultQueue: 'work',
    jsonTypes: 'plain',
  })
  const tag = app.task({ name: 't.tag', run: (_ctx, ...args: unknown[]) => args })
  app.task({
    name: 't.fail',
    run: (_ctx, ..._args: unknown[]): never => {
      throw new RangeError('no')
    },
  })
  app.task({
    name: 't.swap',
    run: (ctx, ...args: unknown[]): unknown => {
      throw ctx.replace(tag.s(...args).pipe(app.signature('t.tag', { args: ['swapped'] }) as never))
    },
  })
  app.task({
    name: 't.note',
    run: async (_ctx, ...args: unknown[]) => {
      await client.rpush('notes', String(args.at(-1)))
    },
  })
  return app
}

/** Has Python build and send the canvases and read what they give. */
async function builtByPython(): Promise<readonly Outcome[]> {
  const file = join(python.folder, 'drawings.json')
  await writeFile(file, JSON.stringify(drawings))
  const code = `os.environ['PATIENCE_S'] = '${PATIENCE_S}'\nsys.stdin = open(${JSON.stringify(file)})\n${BUILD}`
  return JSON.parse(await python.run(code, { timeoutMs: TIMEOUT_MS })) as readonly Outcome[]
}

/** The same with our own words. */
async function builtByUs(app: Lovage): Promise<readonly Outcome[]> {
  const until = Date.now() + PATIENCE_S * 1000
  const sent = await Promise.all(
    drawings.map((drawing) =>
      build(app, drawing)
        .delay(...([] as never))
        .then((result) => result as AnyResult)
        .catch((error: unknown) => error as Error),
    ),
  )
  return Promise.all(
    sent.map((one) => (one instanceof Error ? { refused: one.name } : outcomeOf(one, until))),
  )
}

async function outcomeOf(result: AnyResult, until: number): Promise<Outcome> {
  // Celery's group of groups has one flat list of results, ours the nested one.
  if (result.results) return (await Promise.all(result.results.map((one) => outcomeOf(one, until)))).flat()
  try {
    return { value: await result.get({ timeout: Math.max(0.1, (until - Date.now()) / 1000) }) }
  } catch (error) {
    if (isLovageError(error) && error.name === 'TimeoutError') return { stuck: true }
    return { error: true }
  }
}

async function notesOf(): Promise<readonly string[]> {
  const notes = await client.lrange('notes', 0, -1)
  await client.del('notes')
  return [...new Set(notes)].sort()
}

/**
 * Errors have each language's own class; that there is one is what counts here. The results of a group within a group are one flat list, or
 * nested, as versions of Celery have it.
 */
const comparable = (outcome: Outcome): unknown =>
  JSON.parse(JSON.stringify(Array.isArray(outcome) ? outcome.flat(10) : outcome), (key, value: unknown) =>
    key === 'error' ? true : value,
  )

interface Run {
  readonly outcomes: readonly Outcome[]
  readonly notes: readonly string[]
}

let byPython: Run
let pythonStopped: Promise<void>

test(
  'Python runs what Python built: this is what the others are held to',
  async () => {
    byPython = { outcomes: await builtByPython(), notes: await notesOf() }
    expect(byPython.outcomes).toHaveLength(COUNT)
  },
  TIMEOUT_MS,
)

test(
  'both together run what Python built',
  async () => {
    await using app = ours()
    const worker = await startTestWorker(app, { queues: ['work'] })
    try {
      expect(differences(await builtByPython(), 'mixed')).toBe('')
    } finally {
      await worker.stop()
    }
    await notesOf()
  },
  TIMEOUT_MS,
)

test(
  'we run what Python built, and what we built',
  async () => {
    // The app's module stays for building; its worker is paused, so that ours takes everything.
    pythonStopped = stopConsuming()
    await pythonStopped
    await using app = ours()
    const worker: Worker = await startTestWorker(app, { queues: ['work'] })
    try {
      const wrong = [
        differences(await builtByPython(), 'built by Python'),
        await wrongNotes('built by Python'),
      ]
      wrong.push(differences(await builtByUs(app), 'built by us'), await wrongNotes('built by us'))
      expect(wrong.filter(Boolean).join('\n')).toBe('')
    } finally {
      await worker.stop()
    }
  },
  TIMEOUT_MS,
)

async function stopConsuming(): Promise<void> {
  await python.run(`print(app.control.cancel_consumer('work', reply=True))`)
}

/** Links and errbacks that were called, held to those that Python called. */
async function wrongNotes(how: string): Promise<string> {
  const found = await notesOf()
  const [more, less] = [moreErrbacks, lessErrbacks].map((errbacks) => new Set(drawings.flatMap(errbacks)))
  const wrong = [
    ...found.filter((name) => !byPython.notes.includes(name) && !more?.has(name)).map((name) => `+${name}`),
    ...byPython.notes.filter((name) => !found.includes(name) && !less?.has(name)).map((name) => `-${name}`),
  ]
  return wrong
    .map((name) => {
      const drawing = drawings[Number(name.slice(1).split('.')[0])]
      return `${how}, found note ${name}: ${drawing && sketch(drawing)}`
    })
    .join('\n')
}

/** Holds outcomes to Python's own, but for the exceptions. */
function differences(outcomes: readonly Outcome[], how: 'built by us' | 'built by Python' | 'mixed'): string {
  const wrong = drawings.flatMap((drawing, place) => {
    const [expected, found] = [comparable(byPython.outcomes[place]), comparable(outcomes[place])]
    return agree(expected, found, how === 'mixed') || isExcepted(drawing, expected, found, how)
      ? []
      : [
          `${how}, seed ${SEED + place}: ${sketch(drawing)}\n  expected ${JSON.stringify(expected)}\n  found    ${JSON.stringify(found)}`,
        ]
  })
  return wrong.join('\n')
}

/** Where Celery never ends we do; where it has a part in the work, it may be the part that does not. */
function agree(expected: unknown, found: unknown, isMixed: boolean): boolean {
  const text = JSON.stringify(expected)
  if (!text.includes('{"stuck":true}')) return text === JSON.stringify(found)
  if (Array.isArray(expected) && Array.isArray(found))
    return (
      expected.length === found.length && expected.every((one, place) => agree(one, found[place], isMixed))
    )
  return isMixed || !JSON.stringify(found).includes('{"stuck":true}')
}

function sketch(drawing: Drawing): string {
  const links = `${drawing.link ? '+link' : ''}${drawing.linkError ? '+err' : ''}`
  switch (drawing.kind) {
    case 'task':
      return `${drawing.task === 'tag' ? '' : `${drawing.task}:`}${drawing.args[0]}${drawing.immutable ? '!' : ''}${links}`
    case 'chain':
      return `(${drawing.steps.map(sketch).join(' | ')})${links}`
    case 'group':
      return `[${drawing.members.map(sketch).join(', ')}]`
    case 'chord':
      return `{${drawing.header.map(sketch).join(', ')} > ${sketch(drawing.body)}}`
  }
}
