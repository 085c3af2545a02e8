import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { until } from 'lovage/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Command } from '../../test/cli/command.js'
import { freePort } from '../../test/servers.js'

const SERVE = fileURLToPath(new URL('../serve.mjs', import.meta.url))
/** Answers when it has been told to stop. */
const SLOW = `
const told = new Promise((resolve) => process.once('SIGTERM', () => setTimeout(resolve, 100)))
export const web = {
  fetch: async (request) => {
    console.log('asked')
    await told
    return new Response('answered')
  },
}
export const close = async () => console.log('closed')`

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lovage-serve-'))
  writeFileSync(join(folder, 'web.mjs'), SLOW)
  writeFileSync(join(folder, 'none.mjs'), 'export const name = 1')
})
afterAll(() => rmSync(folder, { recursive: true }))

const serve = (words: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  new Command([SERVE, ...words], { cwd: folder, env, program: [process.execPath] })

test.concurrent.each([
  [64, /^node \.\.\/serve\.mjs MODULE: names no module/, [], {}],
  [64, /^PORT must be a port \(0 to 65535\), not "80000"\.\n$/, ['web.mjs'], { PORT: '80000' }],
  [64, /^none\.mjs exports no web application\.\n$/, ['none.mjs'], {}],
  [66, /^There is no file gone\.mjs in /, ['gone.mjs'], {}],
])('what cannot be served is one line: %i, %s', async (code, says, words, env) => {
  await using server = serve(words, env)
  expect(await server.exited).toBe(code)
  expect(server.stderr).toMatch(says)
})

test('a port in use is one line that says what to set', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await until(() => other.listening)
  // A listening TCP server has an address object.
  const { port } = other.address() as AddressInfo
  await using server = serve(['web.mjs'], { PORT: String(port) })
  expect({ code: await server.exited, stderr: server.stderr }).toEqual({
    code: 69,
    stderr: `Port ${port} of 127.0.0.1 is in use. Set PORT to another.\n`,
  })
  other.close()
})

test('a request under way is answered when the server is told to stop; what the module opened is closed after it', async () => {
  const port = await freePort()
  await using server = serve(['web.mjs'], { PORT: String(port) })
  await until(() => server.stdout.includes('listening'), { timeoutMs: 30_000 })
  const answer = fetch(`http://127.0.0.1:${port}/`)
  await until(() => server.stdout.includes('asked'))
  server.signal('SIGTERM')
  expect(await (await answer).text()).toBe('answered')
  expect({ code: await server.exited, stdout: server.stdout }).toEqual({
    code: 0,
    stdout: expect.stringMatching(/asked\nclosed\n$/),
  })
})
