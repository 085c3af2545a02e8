import { expect, test, vi } from 'vitest'
import { makeProject } from '../loader/project.js'
import { Command, lovage } from './command.js'

// Programs are started here, on machines that are busy with other tests.
vi.setConfig({ testTimeout: 60_000 })

const makeShop = () =>
  makeProject({
    'package.json': '{"type":"module","lovage":"app.ts"}',
    'app.ts': "import { Lovage } from 'lovage'\nexport const app = new Lovage('shop')",
  })

test.each<[string, readonly string[], number, RegExp]>([
  [
    'a file that cannot be opened',
    ['-b', 'sqlite:///proc/queue.db', 'queues'],
    78,
    /^Error: \/proc\/queue\.db cannot be opened/,
  ],
  [
    'a reason that there is not',
    ['dead', 'list', '--reason', 'sick'],
    64,
    /Allowed choices are rejected, failed/,
  ],
  [
    'a folder that is not there',
    ['dev', '--watch', 'nowhere'],
    64,
    /There is no folder .*nowhere \(--watch\)/,
  ],
  ['an address without a scheme', ['-b', 'localhost', 'status'], 78, /A URL begins with its scheme/],
])('%s is one clear error', async (_what, args, code, text) => {
  using shop = makeShop()
  const said = await lovage(args, { cwd: shop.folder })
  expect(said).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(text) })
  expect(said.stderr).not.toMatch(/\n {4}at /)
})

test('a pause of a queue that nobody knows holds, and says that it may be misspelt', async () => {
  using shop = makeShop()
  const said = await lovage(['pause', 'cellery'], { cwd: shop.folder })
  expect(said).toMatchObject({
    code: 0,
    stdout: 'paused: cellery',
    stderr: 'There is no queue cellery yet; known queues: celery.',
  })
})

test('an empty -Q, as of an unset variable, is none', async () => {
  using shop = makeShop()
  await using worker = new Command(['worker', '-Q', '', '-l', 'info'], { cwd: shop.folder })
  await worker.says(/"queues":\["celery"\]/)
})
