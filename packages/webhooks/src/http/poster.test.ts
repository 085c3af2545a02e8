import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { type Resolver, readRanges } from '../address/index.js'
import { Poster, type PosterOptions } from './poster.js'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

async function listen(server: ReturnType<typeof createTcpServer>): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  // A server that listens on TCP has such an address.
  return (server.address() as AddressInfo).port
}

const http = (answer: RequestListener): Promise<number> => listen(createServer(answer))
/** A server that answers each request with raw text. */
const raw = (text: string): Promise<number> =>
  listen(createTcpServer((socket) => socket.on('error', () => {}).once('data', () => socket.write(text))))

function poster(options: Partial<PosterOptions> = {}): Poster {
  const made = new Poster({ rules: { allowed: readRanges(['127.0.0.1']), allowHttp: true }, ...options })
  closers.push(() => made.close())
  return made
}

const body = Buffer.from('{"test": 1}')
const to = (port: number, more: object = {}) => ({
  url: `http://127.0.0.1:${port}/hook?x=1`,
  headers: { 'content-type': 'application/json' },
  body,
  timeoutMs: 5_000,
  tls: null,
  ...more,
})

test('a 204 is a success, and the bytes arrive as they are', async () => {
  let seen: Buffer | undefined
  const port = await http(async (request, response) => {
    seen = Buffer.concat(await request.toArray())
    response.writeHead(204).end()
  })
  expect(await poster().post(to(port))).toMatchObject({
    kind: 'success',
    status: 204,
    error: null,
    body: null,
  })
  expect(seen).toEqual(body)
})

test('a redirect is a failure and is not followed', async () => {
  let visits = 0
  const port = await http((_request, response) => {
    visits += 1
    response.writeHead(302, { location: '/elsewhere' }).end()
  })
  const outcome = await poster().post(to(port))
  expect(outcome).toMatchObject({ kind: 'http', status: 302, headers: { location: '/elsewhere' } })
  expect(visits).toBe(1)
})

test('of an endless answer no more than the cap is read', async () => {
  const port = await http((_request, response) => {
    const more = (): void => {
      while (response.write('ä'.repeat(4_000)));
      response.once('drain', more)
    }
    more()
  })
  const { kind, body: kept } = await poster({ captureBytes: 1_001 }).post(to(port))
  expect(kind).toBe('success')
  expect(kept).toEqual({ encoding: 'utf8', text: 'ä'.repeat(500), isTruncated: true })
})

test('an answer that is not UTF-8 is kept as base64', async () => {
  const port = await http((_request, response) =>
    response.writeHead(500).end(Buffer.from([0xff, 0xfe, 0x00])),
  )
  const outcome = await poster().post(to(port))
  expect(outcome).toMatchObject({ kind: 'http', status: 500, body: { encoding: 'base64', text: '//4A' } })
})

test('the limit of time holds for a silent server, for slow headers and for a slow body', async () => {
  const silent = await raw('')
  const slowHeaders = await raw('HTTP/1.1 200 OK\r\nx-a: 1\r\n')
  const slowBody = await raw('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc')
  const client = poster()
  for (const port of [silent, slowHeaders])
    expect(await client.post(to(port, { timeoutMs: 100 }))).toMatchObject({
      kind: 'timeout',
      status: null,
      error: 'no answer within 100 ms',
    })
  expect(await client.post(to(slowBody, { timeoutMs: 1000 }))).toMatchObject({
    kind: 'timeout',
    status: 200,
    error: 'the answer did not end within 1000 ms',
    body: { text: 'abc' },
  })
})

test.each([
  ['no HTTP', 'SSH-2.0-OpenSSH_9\r\n', null],
  ['a header that is too long', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`, null],
  ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab', null],
])('%s is an outcome of kind http', async (_what, text, status) => {
  const outcome = await poster().post(to(await raw(text)))
  expect(outcome).toMatchObject({ kind: 'http', status })
  expect(outcome.error).toMatch(/not a complete HTTP response/)
})

test('an answer that breaks off is a failure although its status was good', async () => {
  const port = await listen(
    createTcpServer((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc'))
    }),
  )
  const outcome = await poster().post(to(port))
  expect(outcome).toMatchObject({ kind: 'http', status: 200, body: { text: 'abc' } })
  expect(outcome.error).toMatch(/broke off|whole/)
})

test('what keeps us from an answer is told apart', async () => {
  const closed = await http(() => {})
  for (const close of closers.splice(0)) await close()
  const client = poster()
  expect(await client.post(to(closed))).toMatchObject({ kind: 'connect', status: null })
  expect(await client.post({ ...to(1), url: 'http://nowhere.invalid/' })).toMatchObject({ kind: 'dns' })
  const plain = await http((_request, response) => response.end())
  expect(await client.post({ ...to(plain), url: `https://127.0.0.1:${plain}/` })).toMatchObject({
    kind: 'tls',
  })
})

test('a connection that is not made in time is given up, however long the whole attempt may take', async () => {
  // It accepts, and never answers the greeting of TLS.
  const silent = await listen(createTcpServer((socket) => socket.on('error', () => {})))
  const beganMs = performance.now()
  const outcome = await poster({ connectTimeoutMs: 200 }).post({
    ...to(silent, { timeoutMs: 60_000 }),
    url: `https://127.0.0.1:${silent}/`,
  })
  expect(outcome).toMatchObject({ kind: 'timeout', status: null })
  expect(performance.now() - beganMs).toBeLessThan(30_000)
})

test('no proxy of the environment is used', async () => {
  for (const name of ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy', 'HTTPS_PROXY'])
    vi.stubEnv(name, 'http://127.0.0.1:9')
  vi.stubEnv('NODE_USE_ENV_PROXY', '1')
  const port = await http((_request, response) => response.writeHead(204).end())
  expect(await poster().post(to(port))).toMatchObject({ kind: 'success' })
  vi.unstubAllEnvs()
})

test('a name that is resolved anew to a private address is blocked inside the connection', async () => {
  let visits = 0
  const port = await http((_request, response) => {
    visits += 1
    response.end()
  })
  const answers = ['127.0.0.1', '127.0.0.2']
  const resolver: Resolver = (_host, _options, done) =>
    done(null, [{ address: answers.shift() ?? '', family: 4 }])
  const [first, second] = [poster({ resolver }), poster({ resolver })]
  const request = { ...to(port), url: `http://rebind.example:${port}/` }
  expect(await first.post(request)).toMatchObject({ kind: 'success' })
  const outcome = await second.post(request)
  expect(outcome).toMatchObject({ kind: 'blocked', status: null })
  expect(outcome.error).toContain('127.0.0.2 (rebind.example): it is not public (loopback)')
  expect(visits).toBe(1)
})

test('an address in the URL is blocked, in whatever spelling, at delivery too', async () => {
  const client = poster({ rules: { allowed: [], allowHttp: true } })
  for (const host of [
    '127.0.0.1',
    '2130706433',
    '0x7f.1',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[64:ff9b::7f00:1]',
  ])
    expect(await client.post({ ...to(9), url: `http://${host}:9/` })).toMatchObject({ kind: 'blocked' })
})
