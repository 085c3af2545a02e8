import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from 'lovage/testing'
import { expect, test } from 'vitest'
import { makeCertificates } from '../servers/tls.js'
import { setUpWebhooks } from './set-up.js'

test('an endpoint gets its own client certificate and authority; without them it is a failure of tls', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-tls-'))
  await makeCertificates(folder)
  const pem = (name: string) => readFileSync(join(folder, name), 'utf8')
  const subjects: unknown[] = []
  const server = createServer(
    {
      cert: pem('server.crt'),
      key: pem('server.key'),
      ca: pem('ca.crt'),
      requestCert: true,
      rejectUnauthorized: true,
    },
    (request, response) => {
      // A server of TLS has such sockets.
      subjects.push((request.socket as import('node:tls').TLSSocket).getPeerCertificate().subject.CN)
      response.writeHead(204).end()
    },
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `https://localhost:${(server.address() as AddressInfo).port}/`
  try {
    await using set = await setUpWebhooks({
      schedule: { taskRetries: 0, sweepDelaysMs: [] },
      allowedCidrs: ['127.0.0.0/8', '::1'],
    })
    const { hooks } = set
    const tls = { certificate: pem('client.crt'), key: pem('client.key'), authority: pem('ca.crt') }
    const { endpoint } = await hooks.endpoints.create({ url, tls })
    expect(endpoint.tls).toEqual({ hasClientCertificate: true, hasOwnAuthority: true })
    const outcomeOf = async () => {
      const { deliveryIds } = await hooks.send({ type: 'go', data: {} })
      const id = deliveryIds[0] ?? ''
      await until(async () => (await hooks.deliveries.get(id)).attempts === 1)
      const [attempt] = (await hooks.deliveries.attempts({ deliveryId: id })).items
      return attempt?.outcome
    }
    expect(await outcomeOf()).toBe('success')
    expect(subjects).toEqual(['lovage'])
    await hooks.endpoints.update(endpoint.id, { tls: { authority: tls.authority } })
    expect(['tls', 'connect']).toContain(await outcomeOf())
    await hooks.endpoints.update(endpoint.id, { tls: null })
    expect(await outcomeOf()).toBe('tls')
    const { certificate } = tls
    await expect(
      hooks.endpoints.update(endpoint.id, { tls: { certificate, key: pem('stranger.key') } }),
    ).rejects.toMatchObject({ field: 'tls' })
    const [stored] = await (await hooks.store()).endpoints.get([endpoint.id])
    expect(JSON.stringify(stored)).not.toContain('PRIVATE KEY')
  } finally {
    server.closeAllConnections()
    server.close()
    rmSync(folder, { recursive: true })
  }
})
