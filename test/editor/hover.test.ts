import { expect, test } from 'vitest'
import { openInEditor, settingNames } from './editor.js'

test('an editor shows what a setting means where it is given to an app', () => {
  const names = settingNames()
  expect(names.length).toBeGreaterThan(100)
  const given = names.map((name) => `  ${name}: undefined,`).join('\n')
  const editor = openInEditor(
    `import { Lovage } from 'lovage'\nnew Lovage('x', {\n${given}\n  broker: 'memory://x',\n})\n`,
  )
  expect(editor.hover('brokerConnectionTimeout')).toMatch(/Seconds to wait for a connection/)
  expect(editor.hover('broker:')).toMatch(/URL/)
  const silent = names.filter((name) => editor.hover(`${name}:`).trim() === '')
  expect(silent).toEqual([])
})

test('an editor shows what options of tasks and of calls mean, and an example of the app', () => {
  const editor = openInEditor(`import { Lovage } from 'lovage'
const app = new Lovage('x')
const add = app.task({ name: 'add', retryBackoff: true, run: (_ctx, x: number, y: number) => x + y })
await add.applyAsync([1, 2], { countdown: 3, expires: 5 })
`)
  for (const word of ['retryBackoff', 'countdown', 'expires']) expect(editor.hover(word)).toMatch(/\w/)
  expect(editor.hover('Lovage(')).toMatch(/@example/)
  expect(editor.errors()).toEqual([])
})
