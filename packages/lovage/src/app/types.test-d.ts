/** Pins what the compiler infers and refuses; compiled by `npm run check`, never run. */
import { z } from 'zod'
import { type AsyncResult, chain, chord, contract, group, Lovage, unchecked } from '../index.js'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const expectType = <A, B>(_: Equal<A, B>): void => {}

const app = new Lovage('types')

// Positional arguments and the result are inferred from the function.
const add = app.task({ name: 'add', params: ['x', 'y'], run: (_ctx, x: number, y: number) => x + y })
expectType<ReturnType<typeof add.delay>, Promise<AsyncResult<number>>>(true)
expectType<Parameters<typeof add.delay>, [x: number, y: number]>(true)
void add.delay(1, 2)
void add.applyAsync([1, 2], { countdown: 3 })
// @ts-expect-error its arguments are required
void add.applyAsync()
const bare = app.task({ name: 'bare', run: (_ctx, _x?: number) => 1 })
expectType<ReturnType<typeof bare.delay>, Promise<AsyncResult<number>>>(true)
void bare.applyAsync()
void bare.applyAsync([])
void bare.applyAsync([1], { countdown: 3 })
// @ts-expect-error options come after the arguments
void bare.applyAsync({ countdown: 3 })
// @ts-expect-error text is no number
void add.delay('1', 2)
// @ts-expect-error an argument is missing
void add.delay(1)
// @ts-expect-error one argument too many
void add.delay(1, 2, 3)
// @ts-expect-error positional arguments are a list
void add.applyAsync({ x: 1, y: 2 })
// @ts-expect-error no such option
void add.applyAsync([1, 2], { countDown: 3 })
// @ts-expect-error one name a parameter
app.task({ name: 'add', params: ['x'], run: (_ctx, x: number, y: number) => x + y })

// Keys of guards get the task's arguments, wherever the option stands.
app.task({
  name: 'guarded',
  run: (_ctx, host: string, _port: number) => host,
  unique: { key: (host, port) => `${host.toUpperCase()}:${port.toFixed()}` },
  circuitBreaker: { key: (host) => host.toUpperCase() },
})
app.task({
  name: 'guarded',
  throttle: { seconds: 1, key: (host: string) => host },
  run: (_ctx, host: string) => host,
})
app.task({
  name: 'guarded.named',
  input: z.object({ host: z.string() }),
  debounce: { seconds: 1, key: ({ host }) => host.toUpperCase() },
  run: (_ctx, { host }) => host,
})
// @ts-expect-error the argument is a number
app.task({ name: 'guarded', unique: { key: (host: string) => host }, run: (_ctx, port: number) => port })
// @ts-expect-error no such end
app.task({ name: 'guarded', unique: { until: 'never' }, run: () => 1 })

// The context is typed without being named, promises are unwrapped, optional parameters stay optional.
const page = app.task({
  name: 'page',
  run: async (ctx, url: string, depth?: number) => ({ url, depth, id: ctx.id }),
})
expectType<Parameters<typeof page.delay>, [url: string, depth?: number | undefined]>(true)
void page
  .delay('x')
  .then((result) => result.get())
  .then(({ id }) => id.toUpperCase())

// Named arguments come from the schema: its input at the call, its output in the function.
const send = app.task({
  name: 'send',
  params: ['to'],
  input: z.object({ to: z.string(), retries: z.number().default(3) }),
  run: (_ctx, mail) => {
    expectType<typeof mail, { to: string; retries: number }>(true)
    return mail.retries
  },
})
void send.delay({ to: 'a' })
// @ts-expect-error a field is missing
void send.delay({ retries: 1 })
// @ts-expect-error no such field to fill
app.task({ name: 's', params: ['from'], input: unchecked<{ to: string }>(), run: () => 1 })

// Handlers know the result.
app.task({
  name: 'h',
  run: (_ctx, n: number) => n,
  onSuccess: (_ctx, result) => expectType<typeof result, number>(true),
})

// Contracts bind both sides.
const resize = contract<[path: string, width: number], { url: string }>('images.resize', { queue: 'media' })
expectType<
  Awaited<ReturnType<ReturnType<typeof app.remote<[path: string, width: number], { url: string }>>['delay']>>,
  AsyncResult<{ url: string }>
>(true)
void app.remote(resize).delay('a.png', 200)
// @ts-expect-error width is a number
void app.remote(resize).delay('a.png', '200')
app.implement(resize, async (_ctx, path, width) => ({ url: `${path}?${width}` }))
// @ts-expect-error the result is not the contract's
app.implement(resize, async () => ({ pages: 3 }))
const report = contract({
  name: 'report',
  input: unchecked<{ year: number }>(),
  output: unchecked<{ pages: number }>(),
})
void app
  .remote(report)
  .delay({ year: 2026 })
  .then((result) => result.get())
  .then(({ pages }) => pages.toFixed())

// Settings are typed, and misspelt ones do not compile.
new Lovage('x', { taskAcksLate: false, taskRoutes: [['a.*', { queue: 'q' }], [/^b/, 'r'], () => undefined] })
// @ts-expect-error no such setting
new Lovage('x', { taskAckLate: false })

// Periodic tasks take the arguments of their task, and must have them where the task must.
app.addPeriodicTask(30, add, { args: [1, 2], name: 'adding', options: { queue: 'low' } })
// @ts-expect-error the arguments are missing
app.addPeriodicTask(30, add)
// @ts-expect-error text is no number
app.addPeriodicTask(30, add, { args: ['1', 2] })
// @ts-expect-error no such option of a call
app.addPeriodicTask(30, add, { args: [1, 2], options: { que: 'low' } })
app.addPeriodicTask(30, page, { args: ['x'] })
app.addPeriodicTask(30, 'in.python', { kwargs: { deep: true }, missed: 'skip' })
// Signatures know what they still take, and chains what comes before each step.
const text = app.task({ name: 'text', run: (_ctx, n: number) => String(n) })
const total = app.task({ name: 'total', run: (_ctx, values: number[]) => values.length })
void add.s(1, 2).delay()
void add.s(2).delay(1)
// @ts-expect-error an argument is missing
void add.s(2).delay()
// @ts-expect-error one argument too many
void add.s(1, 2).delay(3)
// @ts-expect-error text is no number
add.s('1')
// @ts-expect-error more than it takes
add.s(1, 2, 3)
const summed = add.s(1, 2).pipe(add.s(10)).pipe(text.s())
expectType<ReturnType<typeof summed.delay>, Promise<AsyncResult<string>>>(true)
const chained = chain(add.s(2), add.s(10), text.s())
void chained.delay(1)
expectType<ReturnType<typeof chained.delay>, Promise<AsyncResult<string>>>(true)
// @ts-expect-error the step before gives text
chain(add.s(1, 2), text.s(), add.s(1))
// @ts-expect-error the step has all its arguments already
chain(add.s(1, 2), add.s(1, 2))
// An immutable step takes nothing of what comes before.
chain(add.s(1, 2), text.s(), add.si(1, 2))
// Optional parameters may be given or not.
chain(text.s(1), page.s(3))
chain(text.s(1), page.s())

// Groups are tuples, and their results too; a chord's body takes them.
const both = group([add.s(1, 2), text.s(3)])
expectType<Awaited<ReturnType<Awaited<ReturnType<typeof both.delay>>['get']>>, [number, string]>(true)
const counted = group([add.s(1, 2), add.s(3, 4)]).pipe(total.s())
expectType<ReturnType<typeof counted.delay>, Promise<AsyncResult<number>>>(true)
chord([add.s(1, 2)], total.s()).pipe(text.s())
// @ts-expect-error the body takes numbers
chord([add.s(1, 2), text.s(3)], total.s())
// @ts-expect-error the body takes numbers
group([text.s(1)]).pipe(total.s())
// Every member takes what comes before the group.
void group([add.s(1), text.s()]).delay(2)
text.s(1).pipe(group([page.s(1), page.s(2)]))
// @ts-expect-error a member does not take text
text.s(1).pipe(group([page.s(1), add.s(2)]))

// A task with named arguments takes a field, or all that is missing, as a step.
chain(text.s(1), send.s())
chain(text.s(1), send.s({ retries: 2 }))
void send.s({ to: 'a' }).delay()

// Calls of a bulk send may come from `map`, as written there or kept before.
void add.applyAsyncMany([1, 2].map((x) => ({ args: [x, x] })))
void add.applyAsyncMany([1, 2].map((x) => ({ args: [x, x], options: { countdown: x } })))
const kept = [1, 2].map((x) => ({ args: [x, x] as const, options: { priority: 3 } }))
void add.applyAsyncMany(kept)
// @ts-expect-error one argument too few
void add.applyAsyncMany([1, 2].map((x) => ({ args: [x] })))
// @ts-expect-error options have their own field
void add.applyAsyncMany([{ args: [1, 2], countdown: 3 }])
