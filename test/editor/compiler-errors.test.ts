import { expect, test } from 'vitest'
import { openInEditor } from './editor.js'

const APP = `import { Lovage } from 'lovage'
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
])('%s is said in one readable sentence', (_what, line, sentence) => {
  const errors = errorsOf(line)
  expect(errors).toHaveLength(1)
  expect(errors[0]).toMatch(sentence)
  expect(errors[0]?.split('\n').length).toBeLessThanOrEqual(4)
  expect(errors[0]?.length).toBeLessThan(500)
})

test('a step that does not fit into a chain is refused, and both types are named', () => {
  const [error = '', ...others] = errorsOf('add.s(1, 2).pipe(name.s())')
  expect(others).toEqual([])
  expect(error).toMatch(/number/)
  expect(error).toMatch(/string/)
  expect(error.split('\n').length).toBeLessThanOrEqual(12)
})
