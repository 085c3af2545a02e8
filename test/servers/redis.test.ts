import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { describe, expect, it, vi } from 'vitest'
import { run, startRedis } from '../servers.js'

const connect = (server: { url: string; caFile: string | undefined }) =>
  new Redis(server.url, {
    retryStrategy: () => 20,
    maxRetriesPerRequest: null,
    ...(server.caFile === undefined ? {} : { tls: { ca: readFileSync(server.caFile) } }),
  })

describe('a private Redis', () => {
  it('with the append-only file keeps its data over kill -9 and a restart on the same port', async () => {
    await using server = await startRedis({ appendonly: 'always' })
    const client = connect(server)
    try {
      await client.set('key', 'kept')
      await server.kill()
      expect(server.running).toBe(false)
      await server.restart()
      expect(await client.get('key')).toBe('kept')
    } finally {
      client.disconnect()
    }
  })

  it('asks for its password and serves TLS', async () => {
    await using server = await startRedis({ password: 'p@ss word', tls: true })
    const client = connect(server)
    try {
      expect(await client.ping()).toBe('PONG')
    } finally {
      client.disconnect()
    }
  })

  it('can be frozen and thawed', async () => {
    await using server = await startRedis({ config: { 'maxmemory-policy': 'noeviction' } })
    const client = connect(server)
    try {
      await client.ping()
      server.pause()
      const answer = client.ping().then(() => 'answered')
      const silence = new Promise((resolve) => setTimeout(resolve, 100, 'silent'))
      expect(await Promise.race([answer, silence])).toBe('silent')
      server.resume()
      expect(await answer).toBe('answered')
    } finally {
      client.disconnect()
    }
  })

  it('says why it could not start', async () => {
    await expect(startRedis({ config: { 'no-such-directive': 1 } })).rejects.toMatchObject({
      message: expect.stringContaining('no-such-directive'),
    })
  })

  it('dies with the process that started it, and its folder goes too', async () => {
    const script = `const { createJiti } = await import('jiti')
      const { startRedis } = await createJiti(process.argv[1]).import('./servers.ts')
      const server = await startRedis()
      process.stdout.write(JSON.stringify({ pid: server.pid, folder: server.folder }))
      process.kill(process.pid, 'SIGKILL')`
    const here = fileURLToPath(new URL('../', import.meta.url))
    const { stdout } = await run('node', ['--input-type=module', '-e', script, here])
    const { pid, folder } = JSON.parse(stdout)
    await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'), { timeout: 5_000 })
    await vi.waitFor(() => expect(existsSync(folder)).toBe(false), { timeout: 5_000 })
  })
})
