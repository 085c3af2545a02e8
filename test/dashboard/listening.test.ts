import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { request as secureRequest } from 'node:https'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RunningDashboard, runDashboard } from '@lovage/dashboard/cli'
import { createTestApp, until } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { makeCertificates } from '../servers/tls.js'

vi.setConfig({ testTimeout: 60_000 })
let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lovage-listening-'))
  await makeCertificates(folder)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const file = (name: string): string => join(folder, name)

async function start(argv: readonly string[], env: Record<string, string> = {}): Promise<RunningDashboard> {
  const app = createTestApp('shop')
  const dashboard = await runDashboard(app, [`--db=${file('h')}`, ...argv], env)
  onTestFinished(async () => {
    await dashboard.close()
    await app.close()
  })
  return dashboard
}

interface Asked {
  readonly status: number
  readonly text: string
}

/** One request, over a Unix socket or with certificates. */
function ask(
  url: string,
  options: { readonly socketPath?: string; readonly client?: string; readonly user?: string } = {},
): Promise<Asked> {
  const { client, user, ...rest } = options
  const identity =
    client === undefined
      ? {}
      : { cert: readFileSync(file(`${client}.crt`)), key: readFileSync(file(`${client}.key`)) }
  const headers = user === undefined ? {} : { 'x-forwarded-user': user }
  return new Promise((resolve, reject) => {
    const send = url.startsWith('https:') ? secureRequest : request
    const init = { ...rest, headers, agent: false, ca: readFileSync(file('ca.crt')), ...identity }
    send(url, init, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
      .on('error', reject)
      .end()
  })
}

describe('TLS', () => {
  test('with --certfile and --keyfile the dashboard speaks HTTPS, and nothing else', async () => {
    const { url } = await start([
      '--port=0',
      `--certfile=${file('server.crt')}`,
      `--keyfile=${file('server.key')}`,
    ])
    expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+\/$/)
    expect((await ask(`${url}healthcheck`)).text).toBe('OK')
    await expect(ask(url.replace('https:', 'http:'))).rejects.toThrow()
  })

  test('with --ca-certs only clients with a certificate of that authority are let in', async () => {
    const { url } = await start([
      '--port=0',
      `--certfile=${file('server.crt')}`,
      `--keyfile=${file('server.key')}`,
      `--ca_certs=${file('ca.crt')}`,
    ])
    expect((await ask(`${url}healthcheck`, { client: 'client' })).text).toBe('OK')
    await expect(ask(`${url}healthcheck`)).rejects.toThrow()
    await expect(ask(`${url}healthcheck`, { client: 'stranger' })).rejects.toThrow()
  })

  test('one file without the other, or one that cannot be read, is refused: nothing is served in the clear', async () => {
    await expect(start(['--port=0', `--certfile=${file('server.crt')}`])).rejects.toThrow(/--keyfile/)
    await expect(start(['--port=0', `--keyfile=${file('server.key')}`])).rejects.toThrow(/--certfile/)
    await expect(
      start(['--port=0', `--certfile=${file('gone.crt')}`, `--keyfile=${file('server.key')}`]),
    ).rejects.toThrow(/gone\.crt \(--certfile\) cannot be read/)
    await expect(
      start(['--port=0', `--certfile=${file('server.cnf')}`, `--keyfile=${file('server.key')}`]),
    ).rejects.toMatchObject({ code: 'LVG_CONFIG_INVALID' })
  })
})

describe('a Unix socket', () => {
  test('is served instead of a port, and is gone when the dashboard ends', async () => {
    const socketPath = file('dashboard.sock')
    const dashboard = await start([`--unix_socket=${socketPath}`, '--url-prefix=flower'])
    expect(dashboard.port).toBeUndefined()
    expect(await ask('http://here/flower/healthcheck', { socketPath })).toEqual({ status: 200, text: 'OK' })
    await dashboard.close()
    expect(existsSync(socketPath)).toBe(false)
  })

  test('that a killed dashboard has left is replaced; one that is served is not', async () => {
    const socketPath = file('left.sock')
    const script = `require('node:net').createServer().listen(${JSON.stringify(socketPath)}, () => console.log('up'))`
    const killed = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] })
    await once(killed.stdout, 'data')
    await expect(start([`--unix_socket=${socketPath}`])).rejects.toThrow(/another program listens there/)
    killed.kill('SIGKILL')
    await once(killed, 'exit')
    expect(existsSync(socketPath)).toBe(true)
    await start([`--unix_socket=${socketPath}`])
    expect((await ask('http://here/healthcheck', { socketPath })).text).toBe('OK')
  })

  test('may be the way of a trusted proxy, which names the user', async () => {
    const socketPath = file('proxy.sock')
    await start([
      `--unix_socket=${socketPath}`,
      '--proxy-user-header=X-Forwarded-User',
      '--trusted-proxies=unix',
    ])
    expect((await ask('http://here/', { socketPath })).status).toBe(401)
    expect((await ask('http://here/', { socketPath, user: 'ada' })).text).toContain('ada')
  })
})

describe('a file of options', () => {
  const withConf = (values: unknown, name = 'conf.json'): string => {
    writeFileSync(file(name), typeof values === 'string' ? values : JSON.stringify(values))
    return `--conf=${file(name)}`
  }
  const asUser = async (url: string, login: string): Promise<number> =>
    (await fetch(url, { headers: { authorization: `Basic ${Buffer.from(login).toString('base64')}` } }))
      .status

  test('stands between the environment and the command line, as in Flower', async () => {
    const conf = withConf({
      port: 0,
      url_prefix: 'tools',
      'basic-auth': ['ada:one', 'bob:two:viewer'],
      read_only: true,
    })
    const env = { FLOWER_URL_PREFIX: 'flower', FLOWER_BASIC_AUTH: 'eve:three' }
    const { url } = await start([conf, '--address=127.0.0.1'], env)
    expect(new URL(url).pathname).toBe('/tools/')
    expect(await asUser(url, 'bob:two')).toBe(200)
    expect(await asUser(url, 'eve:three')).toBe(401)
    const over = await start([conf, '--address=127.0.0.1', '--basic-auth=zoe:four', '--url-prefix=ops'])
    expect(new URL(over.url).pathname).toBe('/ops/')
    expect(await asUser(over.url, 'zoe:four')).toBe(200)
    expect(await asUser(over.url, 'ada:one')).toBe(401)
  })

  test('is named by the environment, too', async () => {
    const conf = withConf({ port: 0, 'url-prefix': 'here' }).slice('--conf='.length)
    const { url } = await start([], { FLOWER_CONF: conf })
    expect(new URL(url).pathname).toBe('/here/')
  })

  test.each<[unknown, RegExp]>([
    ['port = 5555', /conf\.json cannot be read: .*JSON/],
    [[1], /it is no object/],
    [{ prot: 1 }, /conf\.json cannot be read: --prot=1 is not an option/],
    [{ port: 'many' }, /--port must be a number, not "many"/],
  ])('that is wrong says where: %j', async (values, why) => {
    await expect(start([withConf(values)])).rejects.toThrow(why)
  })

  test('that is missing is said', async () => {
    await expect(start([`--conf=${file('gone.json')}`])).rejects.toThrow(/gone\.json cannot be read/)
  })
})

test('a port that is taken is said, with what to do', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as { port: number }
  await expect(start([`--port=${port}`])).rejects.toThrow(/another program listens there/)
  other.close()
  await until(() => !other.listening)
})
