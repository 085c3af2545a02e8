// The app of the pools' tests: every process of it is on POOL_BROKER, and notes what it does in POOL_NOTES.
import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { threadId } from 'node:worker_threads'
import {
  Decimal,
  group,
  Ignore,
  Lovage,
  Reject,
  SoftTimeLimitExceeded,
} from '../../packages/lovage/dist/index.js'

const note = (...words) => appendFileSync(process.env.POOL_NOTES, `${words.join(' ')}\n`)
/** Tells children apart, threads too. */
const here = () => `${process.pid}.${threadId}`

export const app = new Lovage('pools', {
  broker: process.env.POOL_BROKER,
  backend: process.env.POOL_BROKER,
  brokerLease: 5,
  env: {},
  middleware: [
    {
      name: 'notes',
      async run({ context }, next) {
        const outcome = await next({ context })
        if (context.name === 'watched') note('middleware', outcome.kind, here())
        return outcome
      },
    },
  ],
})
app.signals.on('workerProcessInit', () => note('init', here()))
app.signals.on('workerProcessShutdown', () => note('shutdown', here()))

const add = app.task({ name: 'add', params: ['x', 'y'], run: (_ctx, x, y) => x + y })
app.task({ name: 'where', run: () => here() })
app.task({
  name: 'typed',
  run: (_ctx, value) => ({ value, isDate: value instanceof Date, sum: new Decimal('1.10') }),
})
app.task({
  name: 'context',
  run: (ctx) => ({
    id: ctx.id,
    hostname: ctx.hostname,
    queue: ctx.deliveryInfo.queue,
    headers: ctx.headers,
    retries: ctx.retries,
  }),
})
class Odd extends Error {
  constructor(message, options) {
    super(message, options)
    this.name = 'Odd'
  }
}
app.task({
  name: 'fail',
  run: () => {
    throw new Odd('outer', { cause: new Error('inner') })
  },
})
app.task({ name: 'unwritable', run: () => ({ rows: [() => 1] }) })
app.task({
  name: 'again',
  maxRetries: 2,
  run: (ctx) => {
    if (ctx.retries < 2) throw ctx.retry({ countdown: 0, cause: new Odd('not yet'), kwargs: {} })
    return ctx.retries
  },
})
app.task({
  name: 'ignored',
  run: () => {
    throw new Ignore()
  },
})
app.task({
  name: 'rejected',
  run: () => {
    throw new Reject('not mine')
  },
})
app.task({
  name: 'watched',
  beforeStart: () => note('beforeStart', here()),
  onSuccess: (_ctx, value) => note('onSuccess', value, here()),
  onFailure: (_ctx, error) => note('onFailure', error instanceof Odd, here()),
  afterReturn: (_ctx, state) => note('afterReturn', state, here()),
  run: (_ctx, isGood) => {
    if (!isGood) throw new Odd('bad')
    return 'fine'
  },
})
app.task({
  name: 'progress',
  run: async (ctx) => {
    await ctx.updateState('PROGRESS', { done: 1, of: 2 })
    ctx.logger.warn({ rows: 3, err: new Odd('seen') }, 'half way')
    note('shown')
    while (!ctx.signal.aborted) await sleep(10)
    return 'never'
  },
})
app.task({
  name: 'parent',
  run: async () => {
    const sent = await app.sendTask('add', { args: [1, 2] })
    return sent.id
  },
})
app.task({
  name: 'sleep',
  run: async (ctx, ms) => {
    note('begin', ctx.id, process.hrtime.bigint())
    await sleep(ms)
    note('end', ctx.id, process.hrtime.bigint())
    return ms
  },
})
app.task({
  name: 'patient',
  run: async (ctx) => {
    try {
      await ctx.interruptible(sleep(60_000, undefined, { ref: false }))
    } catch (error) {
      if (error instanceof SoftTimeLimitExceeded) return 'tidied up'
      throw error
    }
  },
})
app.task({
  name: 'obedient',
  run: async (ctx) => {
    await sleep(60_000, undefined, { signal: ctx.signal })
  },
})
app.task({
  name: 'abortable',
  abortable: true,
  autoretryFor: [Error],
  run: async (ctx, isPolite) => {
    note('begin', ctx.id)
    try {
      await ctx.interruptible(sleep(60_000, undefined, { ref: false }))
    } catch (error) {
      if (isPolite && (await ctx.isAborted())) return 'as far as I came'
      throw error
    }
  },
})
app.task({
  name: 'asking',
  run: async (ctx) => {
    note('begin', ctx.id)
    while (!(await ctx.isAborted())) await sleep(20)
    return 'asked'
  },
})
app.task({
  name: 'unacknowledged',
  acksOnFailureOrTimeout: false,
  timeLimit: 0.3,
  run: async (ctx, fails) => {
    if (fails) throw new Odd('bad')
    await ctx.interruptible(sleep(60_000, undefined, { ref: false }))
  },
})
app.task({
  name: 'stubborn',
  run: async (ctx) => {
    note('begin', ctx.id)
    await new Promise((resolve) => setTimeout(resolve, 60_000).unref())
  },
})
app.task({
  name: 'busy',
  run: (ctx, ms = 3_600_000) => {
    note('begin', ctx.id, process.pid)
    const end = Date.now() + ms
    while (Date.now() < end);
    return ms
  },
})
app.task({
  name: 'once',
  ignoreResult: true,
  run: (_ctx, n, ms) => {
    note('once', n)
    const end = performance.now() + ms
    while (performance.now() < end);
  },
})
app.task({
  name: 'becomes',
  run: (ctx, x) => {
    throw ctx.replace(add.s(x, 40))
  },
})
const total = app.task({ name: 'total', run: (_ctx, parts) => parts.reduce((sum, part) => sum + part, 0) })
app.task({
  name: 'joined',
  run: (ctx) => {
    throw ctx.replace(group([add.s(1, 2), add.s(3, 4)]).pipe(total.s()))
  },
})
const grows = app.task({
  name: 'grows',
  run: async (ctx) => {
    await ctx.addToChord(add.s(100, 0))
    return 1
  },
})
app.task({
  name: 'growing',
  run: (ctx) => {
    throw ctx.replace(group([grows.s(), add.s(1, 2)]).pipe(total.s()))
  },
})
app.task({
  name: 'stepped',
  maxRetries: 1,
  run: async (ctx) => {
    const value = await ctx.step('once', () => {
      note('step', ctx.id)
      return 7
    })
    if (ctx.retries === 0) throw ctx.retry({ countdown: 0 })
    await ctx.progress(1, 2)
    return value
  },
})
app.task({
  name: 'quit',
  run: (ctx) => {
    note('quit', ctx.id)
    process.exit(7)
  },
})
app.task({
  name: 'thrower',
  run: () =>
    new Promise(() => {
      setImmediate(() => {
        throw new Odd('nobody catches this')
      })
    }),
})
const kept = []
app.task({
  name: 'leak',
  run: (_ctx, mib) => {
    kept.push(Buffer.alloc(mib * 1024 * 1024, 1))
    return here()
  },
})
app.task({
  name: 'drivers',
  run: () => process.report.getReport().sharedObjects.filter((file) => file.includes('libsql')),
})
