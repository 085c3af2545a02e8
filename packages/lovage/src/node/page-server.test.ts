import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { connect, type Socket } from 'node:net'
import { until } from 'lovage/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { jsonAnswer, PageServer } from './page-server.js'

const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet }
/** Tells of each request as it arrives. */
const ARRIVALS = 'http.server.request.start'
let arrived = 0
const arrive = (): void => void arrived++
/** How many requests a slow page waits for. */
let awaited = 0
let asked = 0
let server: PageServer
const sockets: Socket[] = []

beforeEach(async () => {
  asked = arrived = awaited = 0
  subscribe(ARRIVALS, arrive)
  server = new PageServer(async (path, query) => {
    asked++
    if (path === '/slow') await until(() => arrived >= awaited)
    return jsonAnswer(200, { path, a: query.get('a') })
  }, quiet)
  await server.listen(0, '127.0.0.1')
})
afterEach(async () => {
  unsubscribe(ARRIVALS, arrive)
  for (const socket of sockets.splice(0)) socket.destroy()
  await server.close()
})

function open(text = ''): { readonly socket: Socket; said: () => string } {
  const socket = connect(server.port ?? 0, '127.0.0.1')
  let said = ''
  socket.setEncoding('utf8').on('data', (more: string) => {
    said += more
  })
  socket.on('error', () => {})
  socket.write(text)
  sockets.push(socket)
  return { socket, said: () => said }
}
const get = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${server.port}${path}`, init)

test('closes connections beyond a number, and those that say nothing, so that monitors come through', {
  timeout: 30_000,
}, async () => {
  const silent = Array.from({ length: 300 }, () => open().socket)
  await until(() => silent.filter((socket) => socket.closed).length === 300 - 64, { timeoutMs: 5000 })
  // Those that are left say nothing of a request either.
  await until(() => silent.every((socket) => socket.closed), { timeoutMs: 15_000 })
  expect((await get('/health/live')).status).toBe(200)
})

test('does not wait for a head that comes in drops, nor read one without end', {
  timeout: 30_000,
}, async () => {
  const { socket, said } = open('GET /metrics HTTP/1.1\r\n')
  const drops = setInterval(() => socket.write('a: b\r\n'), 500)
  await until(() => socket.closed, { timeoutMs: 15_000 })
  clearInterval(drops)
  expect(said()).toContain('408')
  const huge = open(`GET /metrics HTTP/1.1\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`)
  await until(() => huge.said().includes('431'), { timeoutMs: 5000 })
})

test('makes a page once for all who ask for it at the same time, and takes GET alone', async () => {
  awaited = 20
  const answers = await Promise.all(Array.from({ length: awaited }, () => get('/slow')))
  expect(answers.every(({ status }) => status === 200)).toBe(true)
  expect(asked).toBe(1)
  expect((await get('/slow', { method: 'POST', body: 'x' })).status).toBe(405)
  expect(await (await get(`/slow${'/'.repeat(3000)}?a=b`)).json()).toEqual({ path: '/slow', a: 'b' })
})
