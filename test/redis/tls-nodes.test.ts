import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { Redis } from 'ioredis'
import { Lovage } from 'lovage'
import { startTestWorker } from 'lovage/testing'
import { afterEach, expect, it } from 'vitest'
import { silent } from '../every-store.js'
import { ServerProcess, serverFolder } from '../servers/server-process.js'
import { freePort, type RedisServer, startRedis } from '../servers.js'

const PASSWORD = 'hunter2'
const ended: { stop(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of ended.splice(0).reverse()) await one.stop()
})

/** Certificates as settings and as clients name them. */
const filesOf = ({ caFile = '' }: RedisServer) => {
  const [ca = '', cert = '', key = ''] = ['ca.crt', 'client.crt', 'client.key'].map((name) =>
    caFile.replace('ca.crt', name),
  )
  return {
    settings: { ssl_ca_certs: ca, ssl_certfile: cert, ssl_keyfile: key, ssl_cert_reqs: 'required' },
    client: { ca: readFileSync(ca), cert: readFileSync(cert), key: readFileSync(key) },
  }
}

async function start(config: Readonly<Record<string, string | number>> = {}): Promise<RedisServer> {
  const server = await startRedis({ tls: 'mutual', password: PASSWORD, config })
  ended.push(server)
  return server
}

/** A Sentinel that speaks TLS only, to clients with a certificate. */
async function startSentinel(server: RedisServer): Promise<number> {
  const [folder, port] = [await serverFolder('sentinel'), await freePort()]
  const file = (name: string): string => join(server.folder, name)
  const lines = [
    'port 0',
    `tls-port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    'tls-replication yes',
    'tls-auth-clients yes',
    `tls-ca-cert-file ${file('ca.crt')}`,
    `tls-cert-file ${file('server.crt')}`,
    `tls-key-file ${file('server.key')}`,
    `sentinel monitor shop 127.0.0.1 ${server.port} 1`,
    `sentinel auth-pass shop ${PASSWORD}`,
  ]
  await writeFile(join(folder, 'sentinel.conf'), `${lines.join('\n')}\n`)
  const { client } = filesOf(server)
  const sentinel = new ServerProcess({
    name: 'sentinel',
    command: 'redis-server',
    args: [join(folder, 'sentinel.conf'), '--sentinel'],
    folder,
    probe: () =>
      new Promise<void>((resolve, reject) => {
        const socket = connect({ port, host: '127.0.0.1', ...client }, () => socket.write('PING\r\n'))
        socket.once('error', reject).once('data', () => {
          socket.destroy()
          resolve()
        })
      }),
  })
  ended.push(sentinel)
  await sentinel.start()
  return port
}

async function expectWorks(settings: Readonly<Record<string, unknown>>): Promise<void> {
  await using app = new Lovage('shop', { env: {}, logger: silent, ...settings })
  app.task({ name: 'double', run: (_ctx, n: number) => n * 2 })
  await using _worker = await startTestWorker(app)
  expect(await (await app.sendTask('double', { args: [21] })).get({ timeout: 30 })).toBe(42)
}

it('Sentinels and the server behind them ask for certificates, and get them', async () => {
  const server = await start()
  const port = await startSentinel(server)
  const { settings: files } = filesOf(server)
  const options = { master_name: 'shop', sentinel_kwargs: { ssl: true, ...files } }
  await expectWorks({
    broker: `sentinel://:${PASSWORD}@127.0.0.1:${port}/0`,
    brokerTransportOptions: options,
    resultBackendTransportOptions: options,
    brokerUseSsl: files,
    redisBackendUseSsl: files,
  })
})

it('servers of a Cluster ask for certificates, and get them', async () => {
  const server = await start({
    'cluster-enabled': 'yes',
    'tls-cluster': 'yes',
    'cluster-announce-ip': '127.0.0.1',
    'cluster-port': await freePort(),
  })
  const { settings, client } = filesOf(server)
  const admin = new Redis(server.port, { password: PASSWORD, tls: client })
  await admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
  for (let state = ''; !state.includes('cluster_state:ok'); ) state = String(await admin.cluster('INFO'))
  admin.disconnect()
  const { ssl_ca_certs, ssl_certfile, ssl_keyfile } = settings
  const query = new URLSearchParams({ ssl_ca_certs, ssl_certfile, ssl_keyfile })
  await expectWorks({ broker: `rediss+cluster://:${PASSWORD}@127.0.0.1:${server.port}?${query}` })
})
