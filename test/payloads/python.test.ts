import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { createTestApp, startTestWorker, until } from 'lovage/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pythonCelery, type RedisServer, runPython, startRedis } from '../servers.js'

/** The hook as the guide has it. */
const guide = readFileSync(
  fileURLToPath(new URL('../../docs/guides/large-payloads.md', import.meta.url)),
  'utf8',
)
const [, HOOK = ''] = /```python\n([\s\S]*?)```/.exec(guide) ?? []
const LARGE = 'é'.repeat(5000)

let redis: RedisServer
let folder: string
beforeAll(async () => {
  redis = await startRedis()
  folder = mkdtempSync(join(tmpdir(), 'lovage-python-payloads-'))
})
afterAll(async () => {
  await redis?.stop()
  rmSync(folder, { recursive: true, force: true })
})
const open = () =>
  createTestApp('python', {
    broker: redis.url,
    backend: redis.url,
    largePayloadUrl: String(pathToFileURL(folder)),
    largePayloadBytes: 1000,
  })

test('a Python worker with the hook of the guide runs tasks with large bodies, compressed ones too', {
  timeout: 90_000,
}, async () => {
  await using app = open()
  await using _python = await pythonCelery({
    broker: redis.url,
    backend: redis.url,
    args: ['-P', 'solo', '-Q', 'taught'],
    env: { LOVAGE_PAYLOADS: folder },
    source: `${HOOK}
@app.task(name='py.size')
def size(text, more=''):
    return len(text) + len(more)
`,
  })
  const send = (options: object) =>
    app.sendTask('py.size', { args: [LARGE], kwargs: { more: 'xy' }, queue: 'taught', ...options })
  expect(await (await send({})).get({ timeout: 40 })).toBe(5002)
  // Letters of which nothing repeats are still large when they are compressed.
  const noise = Array.from({ length: 9000 }, (_, place) =>
    String.fromCharCode(0x100 + ((place * place * 7919) % 5003)),
  ).join('')
  const compressed = await app.sendTask('py.size', { args: [noise], queue: 'taught', compression: 'gzip' })
  expect(await compressed.get({ timeout: 40 })).toBe(9000)
})

test('a Python worker without it names the type in its log, and a Python caller sees what a large result is', {
  timeout: 90_000,
}, async () => {
  await using app = open()
  await using python = await pythonCelery({
    broker: redis.url,
    backend: redis.url,
    args: ['-P', 'solo', '-Q', 'untaught'],
    source: "@app.task(name='py.size')\ndef size(text):\n    return len(text)\n",
  })
  await app.sendTask('py.size', { args: [LARGE], queue: 'untaught' })
  await until(() => python.log.includes('application/x-lovage-payload'), { timeoutMs: 40_000 })

  app.task({ name: 'ts.large', queue: 'ts', run: () => LARGE })
  await using _worker = await startTestWorker(app, { queues: ['ts'] })
  const script = `
import json
${HOOK}
value = app.send_task('ts.large', queue='ts').get(timeout=40)
print(json.dumps([value['lovage.payload']['contentType'], len(resolved(value)), resolved('small')]))
`
  const said = await runPython(script, {
    broker: redis.url,
    backend: redis.url,
    env: { LOVAGE_PAYLOADS: folder },
  })
  expect(JSON.parse(said)).toEqual(['application/json', 5000, 'small'])
})
