import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { startRedis } from '../servers.js'

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
      cause: expect.stringContaining('no-such-directive'),
    })
  })
})
