import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { type AsyncResult, chord, group, type Lovage, type Signature } from 'lovage'
import { createTestApp } from 'lovage/testing'
import { describe, expect, test } from 'vitest'
import { startRedis } from '../servers.js'

const CANVASES = 60
const WORKER = fileURLToPath(new URL('worker.mjs', import.meta.url))

/** A canvas that gives a number, as plain data: what is drawn, built and interpreted. */
type Drawn =
  | { readonly kind: 'add'; readonly x: number; readonly y: number }
  | { readonly kind: 'fail' }
  | { readonly kind: 'plus'; readonly first: Drawn; readonly y: number }
  | { readonly kind: 'chord'; readonly members: readonly Drawn[] }
  | { readonly kind: 'spread'; readonly first: Drawn; readonly ys: readonly number[] }

const small = fc.integer({ min: 0, max: 9 })
const { drawn } = fc.letrec<{ drawn: Drawn }>((tie) => ({
  drawn: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('add' as const), x: small, y: small }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'fail' as const }) },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('plus' as const), first: tie('drawn'), y: small }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('chord' as const),
        members: fc.array(tie('drawn'), { minLength: 1, maxLength: 4 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('spread' as const),
        first: tie('drawn'),
        ys: fc.array(small, { minLength: 2, maxLength: 3 }),
      }),
    },
  ),
}))

/** What it must come to: a number, or failure. */
function interpret(canvas: Drawn): number | 'failure' {
  switch (canvas.kind) {
    case 'add':
      return canvas.x + canvas.y
    case 'fail':
      return 'failure'
    case 'plus': {
      const first = interpret(canvas.first)
      return first === 'failure' ? first : first + canvas.y
    }
    case 'chord': {
      const members = canvas.members.map(interpret)
      return members.includes('failure')
        ? 'failure'
        : members.reduce<number>((sum, one) => sum + Number(one), 0)
    }
    case 'spread': {
      const first = interpret(canvas.first)
      return first === 'failure' ? first : canvas.ys.reduce((sum, y) => sum + first + y, 0)
    }
  }
}

type Built = Signature<[], number, AsyncResult<number>>

function build(app: Lovage): (canvas: Drawn) => Built {
  const add = app.remote<[x: number, y: number], number>({ name: 'add', options: {} })
  const total = app.remote<[values: number[]], number>({ name: 'total', options: {} })
  const fail = app.remote<[], number>({ name: 'fail', options: {} })
  const make = (canvas: Drawn): Built => {
    switch (canvas.kind) {
      case 'add':
        return add.s(canvas.x, canvas.y)
      case 'fail':
        return fail.s()
      case 'plus':
        return make(canvas.first).pipe(add.s(canvas.y))
      case 'chord':
        return chord(canvas.members.map(make), total.s()) as Built
      case 'spread':
        return make(canvas.first)
          .pipe(group(canvas.ys.map((y) => add.s(y))))
          .pipe(total.s()) as Built
    }
  }
  return make
}

const servers = [
  {
    name: 'SQLite',
    start: async () => {
      const folder = await mkdtemp(join(tmpdir(), 'lovage-canvas-'))
      return { url: `sqlite://${join(folder, 'queue.db')}`, stop: () => rm(folder, { recursive: true }) }
    },
  },
  { name: 'Redis', start: () => startRedis() },
]

describe.each(servers)('on $name', ({ start }) => {
  test(`${CANVASES} canvases come to what they must, though their workers are killed again and again`, {
    timeout: 180_000,
  }, async () => {
    const seed = Number(process.env.LOVAGE_SEED ?? Date.now() % 2 ** 31)
    console.log(`LOVAGE_SEED=${seed}`)
    const server = await start()
    const app = createTestApp('canvas', { broker: server.url, backend: server.url })
    const workers = new Set<ChildProcess>()
    const startWorker = async (): Promise<void> => {
      const child = spawn(process.execPath, [WORKER], {
        env: { ...process.env, CRASH_BROKER: server.url },
        stdio: ['ignore', 'pipe', 'ignore'],
      })
      workers.add(child)
      child.once('exit', () => workers.delete(child))
      await once(child.stdout, 'data')
    }
    const kill = async (child: ChildProcess | undefined): Promise<void> => {
      if (!child || child.exitCode !== null || child.signalCode !== null) return
      const dead = once(child, 'exit')
      child.kill('SIGKILL')
      await dead
    }
    try {
      await Promise.all([startWorker(), startWorker()])
      const canvases = fc.sample(drawn, { seed, numRuns: CANVASES })
      const make = build(app)
      const results = await Promise.all(canvases.map((canvas) => make(canvas).delay()))
      const ends = Promise.all(
        results.map((result) =>
          result
            .get({ timeout: 120 })
            .catch((error: { code?: string }) =>
              error.code === 'LVG_RESULT_TIMEOUT' ? 'nothing' : 'failure',
            ),
        ),
      )
      let isOver = false
      const over = ends.finally(() => {
        isOver = true
      })
      for (let kills = 0; kills < 8 && !isOver; kills++) {
        const [victim] = workers
        await kill(victim)
        await startWorker()
      }
      expect((await over).map((end, at) => [canvases[at], end])).toEqual(
        canvases.map((canvas) => [canvas, interpret(canvas)]),
      )
    } finally {
      await Promise.all([...workers].map(kill))
      await app.close()
      await server.stop()
    }
  })
})
