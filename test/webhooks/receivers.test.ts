import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { verify } from '@lovage/webhooks/verify'
import { until } from 'lovage/testing'
import { Webhook } from 'standardwebhooks'
import { expect, test } from 'vitest'
import { makeProject } from '../loader/project.js'
import { freePort } from '../servers.js'
import { Receiver } from './receiver.js'
import { setUpWebhooks } from './set-up.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const PAGE = readFileSync(join(ROOT, 'docs/webhooks/receivers.md'), 'utf8')
const INSTALLED = ['hono', '@hono/node-server', '@lovage/webhooks']

test.each(['v1', 'v1a'] as const)(
  'what is delivered with %s is verified, and while its key is rotated too',
  async (scheme) => {
    await using receiver = await Receiver.start()
    await using set = await setUpWebhooks()
    const { hooks } = set
    const { endpoint, secrets } = await hooks.endpoints.create({ url: receiver.url, signing: [scheme] })
    const keyOf = (secret: (typeof secrets)[number] | undefined) => secret?.secret ?? secret?.publicKey ?? ''
    const older = keyOf(secrets[0])
    const newer = keyOf(await hooks.endpoints.rotateSecret(endpoint.id, { scheme }))
    const { event } = await hooks.send({ type: 'order.paid', data: { id: 'o_1', name: 'Ærø' } })
    await receiver.has(1)
    const [seen] = receiver.seen
    if (!seen) throw new Error('Nothing came.')
    const { body, headers } = seen
    for (const keys of [older, newer, [newer, older]])
      expect(await verify(body, headers, keys)).toMatchObject({
        id: event.id,
        event: { type: 'order.paid', data: { id: 'o_1', name: 'Ærø' } },
      })
    expect(String(headers['webhook-signature']).split(' ')).toHaveLength(2)
  },
)

test.each(['node.ts', 'hono.ts'])('the recipe %s takes what is delivered, and nothing else', async (name) => {
  await using set = await setUpWebhooks()
  await using recipe = await startRecipe(name)
  const { endpoint, secrets } = await set.hooks.endpoints.create({ url: recipe.url })
  const key = secrets[0]?.secret ?? ''
  await recipe.start(key)
  const { event, deliveryIds } = await set.hooks.send({ type: 'order.paid', data: { name: 'Ærø' } })
  const isDelivered = async () => (await set.hooks.deliveries.get(deliveryIds[0] ?? '')).state === 'success'
  await until(isDelivered)
  expect(recipe.printed).toEqual([`${event.id} order.paid`])
  expect(endpoint.url).toBe(recipe.url)

  const body = '{"type": "order.paid"}'
  const at = new Date()
  const headers = {
    'content-type': 'application/json',
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(key).sign('msg_1', at, body),
  }
  const post = async (sent: string | null, more: Record<string, string> = {}) => {
    const answer = await fetch(recipe.url, { method: 'POST', body: sent, headers: { ...headers, ...more } })
    return `${answer.status} ${await answer.text()}`.trim()
  }
  expect(await post(body)).toBe('204')
  expect(await post('{"type":"order.paid"}')).toBe('401 LVG_VERIFY_NO_MATCH')
  expect(await post(null)).toBe('401 LVG_VERIFY_NO_MATCH')
  expect(await post(body, { 'webhook-timestamp': '1' })).toBe('401 LVG_VERIFY_TOO_OLD')
  expect(await post(body, { 'webhook-id': '' })).toBe('400 LVG_VERIFY_HEADER_MISSING')
  expect(await post(' '.repeat(1_100_000))).toMatch(/^413/)
  expect(recipe.printed).toEqual([`${event.id} order.paid`, 'msg_1 order.paid'])
})

/** A program of the page, in a project of its own. */
async function startRecipe(name: string) {
  const code = new RegExp(`^\`\`\`[jt]s ${name}\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(PAGE)?.[1]
  if (code === undefined) throw new Error(`The page has no ${name}.`)
  // The recipes have no types, so that they are JavaScript as they stand.
  const project = makeProject({ 'package.json': '{"type":"module"}', 'recipe.js': code })
  for (const each of INSTALLED) {
    const place = project.path(`node_modules/${each}`)
    mkdirSync(dirname(place), { recursive: true })
    const source = each.startsWith('@lovage/')
      ? `packages/${each.slice('@lovage/'.length)}`
      : `node_modules/${each}`
    symlinkSync(join(ROOT, source), place)
  }
  const port = await freePort()
  const url = `http://127.0.0.1:${port}/hooks`
  const printed: string[] = []
  let end = async () => {}
  return {
    url,
    printed,
    async start(keys: string) {
      const child = spawn(process.execPath, ['recipe.js'], {
        cwd: project.folder,
        env: { ...process.env, PORT: String(port), WEBHOOK_KEYS: keys },
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const exited = once(child, 'exit')
      end = async () => {
        child.kill('SIGKILL')
        await exited
      }
      createInterface(child.stdout).on('line', (line) => printed.push(line))
      await until(() =>
        fetch(url).then(
          () => true,
          () => false,
        ),
      )
    },
    async [Symbol.asyncDispose]() {
      await end()
      project[Symbol.dispose]()
    },
  }
}
