import { expect, test } from 'vitest'
import { openInEditor } from './editor.js'

const APP = `import { chord, Lovage } from 'lovage'
const app = new Lovage('shop')
const add = app.task({ name: 'shop.add', run: (_ctx, x: number, y: number) => x + y })
const name = app.task({ name: 'shop.name', run: (_ctx, x: string) => x })
`

/** What the compiler says of a line after the app's. */
const errorsOf = (line: string) => openInEditor(`${APP}${line}\n`).errors()

test('the app itself has no mistake', () => {
  expect(errorsOf('await (await add.delay(2, 3)).get({ timeout: 1 })')).toEqual([])
})

test.each<[string, string, RegExp]>([
  [
    'an argument of another type',
    "await add.delay(2, '3')",
    /'string' is not assignable to parameter of type 'number'/,
  ],
  ['an argument too few', 'await add.delay(2)', /Expected 2 arguments, but got 1/],
  [
    'an option of a call that there is not',
    'await add.applyAsync([1, 2], { coutdown: 3 })',
    /'coutdown' does not exist in type 'CallOptions'/,
  ],
  [
    'a setting that there is not',
    "new Lovage('x', { taskTimeLimt: 3 })",
    /'taskTimeLimt' does not exist in type 'AppOptions'/,
  ],
  [
    'a result used as another type',
    'const text: string = await (await add.delay(1, 2)).get()',
    /Type 'number' is not assignable to type 'string'/,
  ],
  [
    'a delay in the word of another queue',
    'await add.applyAsync([1, 2], { delay: 5000 })',
    /Type 'number' is not assignable to type '"wire" \| "store"/,
  ],
  ['an argument too many', 'await add.delay(1, 2, 3)', /Expected 2 arguments, but got 3/],
  [
    'an object where a list of arguments stands',
    'await add.applyAsync({ x: 1, y: 2 })',
    /'x' does not exist in type '\[x: number, y: number\]'/,
  ],
  [
    'a value of another kind for an option of a call',
    "await add.applyAsync([1, 2], { countdown: '5' })",
    /Type 'string' is not assignable to type 'number'/,
  ],
  [
    'a result that is not waited for',
    'await add.delay(1, 2).get()',
    /'get' does not exist on type 'Promise<AsyncResult<number>>'/,
  ],
  [
    'a handle used as its result',
    'const sum: number = await add.delay(1, 2)',
    /'AsyncResult<number>' is not assignable to type 'number'/,
  ],
  [
    'a task that is called like a function',
    'await add(1, 2)',
    /not callable[\s\S]*'Task<\[x: number, y: number\]/,
  ],
  [
    'an app without a name',
    "new Lovage({ broker: 'memory://x' })",
    /'\{ broker: string; \}' is not assignable to parameter of type 'string'/,
  ],
  [
    'an argument that a contract does not have',
    "const far = app.remote<[n: number], string>({ name: 'far' })\nawait far.delay('x')",
    /'string' is not assignable to parameter of type 'number'/,
  ],
  [
    'a word that a retry does not know',
    'app.task({ name: "t", run: (ctx) => ctx.retry({ delay: 5 }) })',
    /'delay' does not exist in type 'RetryRequest'/,
  ],
])('%s is said in one readable sentence', (_what, line, sentence) => {
  const errors = errorsOf(line)
  expect(errors).toHaveLength(1)
  expect(errors[0]).toMatch(sentence)
  expect(errors[0]?.split('\n').length).toBeLessThanOrEqual(4)
  expect(errors[0]?.length).toBeLessThan(500)
})

test.each<[string, string, RegExp]>([
  [
    'an option of a task that there is not',
    "app.task({ name: 't', retries: 3, run: (_ctx, x: number) => x })",
    /'retries' does not exist in type 'PositionalTask</,
  ],
  [
    'a value of another kind for an option of a task',
    "app.task({ name: 't', maxRetries: '3', run: (_ctx, x: number) => x })",
    /Type 'string' is not assignable to type 'number'/,
  ],
  [
    'a task without a name',
    'app.task({ run: (_ctx, x: number) => x })',
    /Property 'name' is missing in type/,
  ],
  [
    'a function that forgets the context',
    "app.task({ name: 't', run: (x: number) => x })",
    /Types of parameters 'x' and 'context' are incompatible/,
  ],
  [
    'a schedule in words of cron',
    "app.addPeriodicTask('5 * * * *', add, { args: [1, 2] })",
    /'string' is not assignable to parameter of type 'ScheduleLike'/,
  ],
  [
    'a body that does not take the results of its header',
    'chord([add.s(1, 2), add.s(3, 4)], name.s())',
    /Type '\[number, number\]' is not assignable to type 'string'/,
  ],
])('%s is said once for each form that is possible', (_what, line, sentence) => {
  const [error = '', ...others] = errorsOf(line)
  expect(others).toEqual([])
  expect(error).toMatch(sentence)
  // Of two forms, one that is not meant may not bury the fault under faults of its own.
  expect(error.split('\n').length).toBeLessThanOrEqual(15)
})

test('a step that does not fit into a chain is refused, and both types are named', () => {
  const [error = '', ...others] = errorsOf('add.s(1, 2).pipe(name.s())')
  expect(others).toEqual([])
  expect(error).toMatch(/number/)
  expect(error).toMatch(/string/)
  expect(error.split('\n').length).toBeLessThanOrEqual(12)
})
