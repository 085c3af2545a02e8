import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { connect as connectTcp, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { freePort } from './ports.js'
import { ServerProcess, serverFolder } from './server-process.js'
import { makeCertificates } from './tls.js'

/** How a private Redis is set up. */
export interface RedisOptions {
  readonly password?: string
  /** Serve TLS only, under a certificate authority made for this server; `mutual` asks clients for a certificate too. */
  readonly tls?: boolean | 'mutual'
  /** The append-only file: `always` survives kill -9 with nothing lost. Default off (nothing survives). */
  readonly appendonly?: 'always' | 'everysec' | 'no'
  /** What runs: Valkey speaks the same protocol and reads the same settings. Default `redis-server`. */
  readonly program?: 'redis-server' | 'valkey-server'
  /** Any further directive of redis.conf. */
  readonly config?: Readonly<Record<string, string | number>>
}

/** A private Redis on a loopback port. */
export class RedisServer extends ServerProcess {
  readonly host = '127.0.0.1'
  readonly port: number
  /** `redis://` or `rediss://`, with the password, without a database number. */
  readonly url: string
  readonly password: string | undefined
  /** The path of the authority's certificate, when it serves TLS; in PEM. Beside it lies what `makeCertificates` made. */
  readonly caFile: string | undefined

  constructor(port: number, folder: string, options: RedisOptions) {
    const { password, tls = false, appendonly, program = 'redis-server', config } = options
    const directives: Record<string, string | number> = {
      ...(tls
        ? {
            port: 0,
            'tls-port': port,
            'tls-ca-cert-file': 'ca.crt',
            'tls-cert-file': 'server.crt',
            'tls-key-file': 'server.key',
            'tls-auth-clients': tls === 'mutual' ? 'yes' : 'no',
          }
        : { port }),
      bind: '127.0.0.1',
      dir: folder,
      save: '',
      appendonly: appendonly === undefined || appendonly === 'no' ? 'no' : 'yes',
      ...(appendonly === undefined || appendonly === 'no' ? {} : { appendfsync: appendonly }),
      ...(password === undefined ? {} : { requirepass: password }),
      ...config,
    }
    super({
      name: 'redis',
      command: program,
      args: Object.entries(directives).flatMap(([name, value]) => [`--${name}`, String(value)]),
      folder,
      probe: () => ping(port, { password, caFile: tls ? join(folder, 'ca.crt') : undefined }),
    })
    this.port = port
    this.password = password
    this.caFile = tls ? join(folder, 'ca.crt') : undefined
    const credentials = password === undefined ? '' : `:${encodeURIComponent(password)}@`
    this.url = `${tls ? 'rediss' : 'redis'}://${credentials}127.0.0.1:${port}`
  }
}

/** Whether Valkey is installed here. */
export const hasValkey = (): boolean =>
  (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, 'valkey-server')))

/** Starts a private Redis and resolves when it answers PING. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const folder = await serverFolder('redis')
  if (options.tls) await makeCertificates(folder)
  const server = new RedisServer(await freePort(), folder, options)
  try {
    await server.start()
  } catch (error) {
    await server.stop()
    throw error
  }
  return server
}

async function ping(port: number, how: { password: string | undefined; caFile: string | undefined }) {
  const socket: Socket =
    how.caFile === undefined
      ? connectTcp(port, '127.0.0.1')
      : connectTls({
          port,
          host: '127.0.0.1',
          ca: await readFile(how.caFile),
          cert: await readFile(how.caFile.replace('ca.crt', 'client.crt')),
          key: await readFile(how.caFile.replace('ca.crt', 'client.key')),
        })
  const auth = how.password === undefined ? [] : ['AUTH', how.password]
  await new Promise<void>((resolve, reject) => {
    let reply = ''
    socket.setTimeout(1_000, () => reject(new Error('no answer to PING')))
    socket.on('error', reject).on('close', () => reject(new Error(`closed after ${reply}`)))
    socket.on('data', (data) => {
      reply += data
      if (reply.includes('+PONG')) resolve()
      else if (reply.includes('-')) reject(new Error(reply.trim()))
    })
    socket.write((auth.length > 0 ? encode(auth) : '') + encode(['PING']))
  }).finally(() => socket.destroy())
}

const encode = (words: readonly string[]) =>
  `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`
