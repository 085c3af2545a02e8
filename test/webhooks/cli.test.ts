import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { until } from 'lovage/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Receiver } from './receiver.js'

const BIN = fileURLToPath(new URL('../../packages/webhooks/bin/lovage-webhooks.js', import.meta.url))
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lovage-webhooks-cli-'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
})
afterAll(() => rmSync(folder, { recursive: true }))

function start(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return spawn(process.execPath, [BIN, ...argv], {
    cwd: folder,
    env: {
      ...process.env,
      NODE_ENV: 'development',
      LOVAGE_WEBHOOKS_ALLOW_HTTP: '1',
      LOVAGE_WEBHOOKS_ALLOWED_CIDRS: '127.0.0.0/8',
      ...env,
    },
  })
}

/** Runs one command to its end. */
async function command(argv: readonly string[], env: Readonly<Record<string, string>> = {}, input = '') {
  const child = start(argv, env)
  child.stdin.end(input)
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk))
  const [code] = (await once(child, 'close')) as [number]
  return { code, stdout, stderr }
}

test('the service is served with its worker, and every command does its part on it', {
  timeout: 120_000,
}, async () => {
  await using receiver = await Receiver.start()
  const service = start(['serve', '--port', '0', '--worker', '--json'])
  const [line] = (await once(createInterface(service.stdout), 'line')) as [string]
  const { url } = JSON.parse(line) as { url: string }
  try {
    const made = await command([
      'endpoints',
      'create',
      receiver.url,
      '--types',
      'order.*',
      '--header',
      'x-a: b',
      '--json',
      '-t',
      'acme',
    ])
    expect(made).toMatchObject({ code: 0, stderr: expect.stringContaining('shown only now') })
    const { endpoint, secrets } = JSON.parse(made.stdout) as {
      endpoint: { id: string }
      secrets: { secret: string }[]
    }
    expect(secrets[0]?.secret).toMatch(/^whsec_/)
    const sent = await command(['send', 'order.paid', '-', '--id', 'e-1', '-t', 'acme'], {}, '{"id": "o_1"}')
    const [eventId, deliveryId = ''] = sent.stdout.trim().split('\n')
    expect(eventId).toBe('e-1')
    await receiver.has(1)
    expect(receiver.seen[0]?.headers).toMatchObject({ 'webhook-id': 'e-1', 'x-a': 'b' })
    await until(
      async () => (await command(['deliveries', deliveryId, '-t', 'acme'])).stdout.includes('success'),
      {
        timeoutMs: 60_000,
      },
    )
    const shown = await command(['deliveries', deliveryId, '-t', 'acme'])
    expect(shown.stdout).toMatch(/startedAtMs +number +trigger +outcome +status/)
    expect(shown.stdout).toMatch(/schedule +success +204/)
    expect((await command(['replay', deliveryId, '-t', 'acme'])).code).toBe(0)
    await receiver.has(2)
    const other = await command(['deliveries', deliveryId])
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('There is no delivery') })

    const key = await command([
      'keys',
      'create',
      '-t',
      'acme',
      '--scopes',
      'endpoints:read,portal:write',
      '--json',
    ])
    const { text, id: keyId } = JSON.parse(key.stdout) as { text: string; id: string }
    const headers = { authorization: `Bearer ${text}` }
    const listed = (await (await fetch(`${url}/v1/endpoints`, { headers })).json()) as {
      items: { id: string }[]
    }
    expect(listed.items.map(({ id }) => id)).toEqual([endpoint.id])
    await command(['keys', 'revoke', keyId])
    expect((await fetch(`${url}/v1/endpoints`, { headers })).status).toBe(401)
    const link = await command(['portal', '-t', 'acme', '--public-url', 'https://hooks.example.com/'])
    expect(link.stdout).toMatch(/^https:\/\/hooks\.example\.com\/portal\/open\?pass=[\w-]{60,}\n$/)
  } finally {
    const ended = once(service, 'exit')
    service.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
  }
})

test('a new key of the ring encrypts everything again, and the old one can go', {
  timeout: 60_000,
}, async () => {
  const key = (name: string, byte: number) => `${name}:${Buffer.alloc(32, byte).toString('base64')}`
  const of = (...keys: string[]) => ({
    LOVAGE_WEBHOOKS_STORE: `sqlite://${join(folder, 'sealed.db')}`,
    LOVAGE_WEBHOOKS_KEYS: keys.join(','),
  })
  const [old, fresh] = [key('a', 1), key('b', 2)]
  const made = await command(['endpoints', 'create', 'https://example.com'], of(old))
  const [id = ''] = made.stdout.split('\n')
  const resealed = await command(['reseal', '--json'], of(fresh, old))
  expect(JSON.parse(resealed.stdout)).toEqual({ secrets: 1, tlsIdentities: 0 })
  expect(JSON.parse((await command(['reseal', '--json'], of(fresh, old))).stdout)).toEqual({
    secrets: 0,
    tlsIdentities: 0,
  })
  // A test event is signed with the secret, which the new key alone opens.
  expect((await command(['endpoints', 'test', id], of(fresh))).code).toBe(0)
  const wrong = await command(['reseal'], of(old))
  expect(wrong).toMatchObject({ code: 78, stderr: expect.stringContaining('"b"') })
})

test('each command has its help, and each kind of error its exit code', { timeout: 60_000 }, async () => {
  const names = ['serve', 'endpoints', 'send', 'deliveries', 'replay', 'keys', 'portal', 'reseal']
  const { COMMANDS, commandHelp } = await import('../../packages/webhooks/src/cli/index.js')
  expect(COMMANDS.map(({ name }) => name)).toEqual(names)
  for (const each of COMMANDS)
    expect(commandHelp(each)).toMatch(new RegExp(`Usage: lovage-webhooks ${each.name}`))
  const help = await command(['send', '--help'])
  expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('TYPE @FILE') })
  expect((await command(['--help'])).stdout).toContain('Exit codes')
  expect((await command(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  for (const [argv, code, told] of [
    [['sned'], 64, 'There is no command "sned"'],
    [['send', '--colour', 'red'], 64, '--colour'],
    [['send', 'order.paid'], 64, 'The data of the event'],
    [['send', 'order.paid', '{'], 1, 'not JSON'],
    [['endpoints', 'create', 'https://10.0.0.1'], 1, '10.0.0.1'],
    [['deliveries', '--since', 'soon'], 64, '--since'],
    [['endpoints', '--store', 'mysql://x'], 78, 'postgresql:// or sqlite://'],
    [['endpoints', '-A', 'nothing.ts'], 78, 'nothing.ts'],
    [['endpoints', '--store', 'postgresql://127.0.0.1:9/x'], 69, '127.0.0.1:9'],
  ] as const) {
    const answer = await command(argv)
    expect([argv, answer.code, answer.stderr]).toEqual([argv, code, expect.stringContaining(told)])
  }
})
