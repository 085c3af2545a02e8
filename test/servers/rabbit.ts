import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { freePort } from './ports.js'
import { run, ServerProcess, serverFolder } from './server-process.js'
import { makeCertificates } from './tls.js'

/** How a private RabbitMQ is set up. */
export interface RabbitOptions {
  /** Lines of rabbitmq.conf, such as `consumer_timeout` in milliseconds. */
  readonly config?: Readonly<Record<string, string | number>>
  /** Plugins to enable, such as `rabbitmq_management`; each makes the start slower. Default none. */
  readonly plugins?: readonly string[]
  /** Default: a free one. */
  readonly port?: number
  /** Schedulers of the Erlang machine. Default 1. */
  readonly schedulers?: number
  /** The port mapper that its cluster shares. Default: one of its own. */
  readonly epmd?: { readonly process: ServerProcess; readonly port: number }
  /** Also speaks TLS, on `tlsPort`, with certificates of `makeCertificates` in its folder. Default false. */
  readonly tls?: boolean
}

/** What its clients in Erlang know it by. */
export const COOKIE = 'lovage'

/** A private RabbitMQ on a loopback port: own node name, port mapper, cookie, home, data and log. */
export class RabbitServer extends ServerProcess {
  readonly host = '127.0.0.1'
  readonly port: number
  /** Where it speaks TLS, if it does. */
  readonly tlsPort: number
  /** Ends with it; undefined where others need it. */
  readonly #epmd: ServerProcess | undefined
  readonly #env: Readonly<Record<string, string>>

  constructor(
    port: number,
    tlsPort: number,
    epmd: ServerProcess | undefined,
    folder: string,
    env: Readonly<Record<string, string>>,
  ) {
    super({
      name: 'rabbitmq',
      command: rabbitBinary('rabbitmq-server'),
      args: [],
      folder,
      env,
      probe: () => greets(port),
      readyTimeoutMs: 90_000,
      // Nothing of it is kept, so nothing needs a clean end, which takes seconds.
      stopSignal: 'SIGKILL',
    })
    this.port = port
    this.tlsPort = tlsPort
    this.#epmd = epmd
    this.#env = env
  }

  /** Its Erlang node. */
  get nodeName(): string {
    return nodeNameOf(this.port)
  }

  /** The URL of a virtual host, default `/`. */
  url(vhost = '/'): string {
    return `amqp://guest:guest@127.0.0.1:${this.port}/${encodeURIComponent(vhost)}`
  }

  /** Runs `rabbitmqctl` against this node (about a second) and resolves with what it printed. */
  async ctl(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await run(rabbitBinary('rabbitmqctl'), ['--quiet', ...args], {
      cwd: this.folder,
      env: this.#env,
    })
    if (code !== 0) throw new Error(`rabbitmqctl ${args[0]}: ${stderr || stdout}`)
    return stdout
  }

  /** Has its Erlang evaluate expressions that end with a full stop, and resolves with the value of the last. */
  async eval(source: string): Promise<string> {
    const words = ['-n', this.nodeName, '-c', COOKIE, '-e']
    const { stdout, stderr } = await run('erl_call', words, {
      cwd: this.folder,
      env: this.#env,
      input: `${source}\n`,
    }).catch(async (error: NodeJS.ErrnoException) => {
      // Not every package of Erlang has it in PATH; `rabbitmqctl` starts an Erlang machine for the same.
      if (error.code !== 'ENOENT') throw error
      return { stdout: `{ok, ${await this.ctl('eval', source)}}`, stderr: '' }
    })
    const value = /^\{ok, (.*)\}\s*$/s.exec(stdout)?.[1]
    if (value === undefined) throw new Error(`${source}: ${stderr || stdout}`)
    return value
  }

  /** Creates a virtual host and resolves with its URL: isolation for one test file. */
  async createVhost(name: string): Promise<string> {
    const source = `rabbit_vhost:add(<<"${name}">>, <<"test">>),
      rabbit_auth_backend_internal:set_permissions(<<"guest">>, <<"${name}">>, <<".*">>, <<".*">>, <<".*">>, <<"test">>).`
    await this.eval(source)
    return this.url(name)
  }

  override async stop(): Promise<void> {
    await super.stop()
    await this.#epmd?.stop()
  }
}

/** The Erlang node of the server on a port. */
export const nodeNameOf = (port: number): string => `lovage-${port}@localhost`

/** Starts a private RabbitMQ and resolves when it greets AMQP clients. It takes seconds: share one per test file. */
export async function startRabbit(options: RabbitOptions = {}): Promise<RabbitServer> {
  const folder = await serverFolder('rabbit')
  const port = options.port ?? (await freePort())
  const [epmdPort, distributionPort] = [options.epmd?.port ?? (await freePort()), await freePort()]
  const { schedulers = 1 } = options
  const tlsPort = options.tls ? await freePort() : 0
  if (options.tls) await makeCertificates(folder)
  await writeFile(join(folder, '.erlang.cookie'), COOKIE, { mode: 0o400 })
  const config = {
    'listeners.tcp.1': `127.0.0.1:${port}`,
    'disk_free_limit.absolute': '1MB',
    ...(options.tls
      ? {
          'listeners.ssl.1': `127.0.0.1:${tlsPort}`,
          'ssl_options.cacertfile': join(folder, 'ca.crt'),
          'ssl_options.certfile': join(folder, 'server.crt'),
          'ssl_options.keyfile': join(folder, 'server.key'),
        }
      : {}),
    ...options.config,
  }
  await writeFile(
    join(folder, 'rabbitmq.conf'),
    Object.entries(config)
      .map(([k, v]) => `${k} = ${v}\n`)
      .join(''),
  )
  await writeFile(join(folder, 'enabled_plugins'), `[${(options.plugins ?? []).join(',')}].\n`)
  const env = {
    HOME: folder,
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_NODENAME: nodeNameOf(port),
    RABBITMQ_DIST_PORT: String(distributionPort),
    RABBITMQ_CONF_ENV_FILE: join(folder, 'no-such-file'),
    RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
    RABBITMQ_ADVANCED_CONFIG_FILE: join(folder, 'advanced.config'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
    RABBITMQ_MNESIA_BASE: join(folder, 'mnesia'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_LOGS: '-',
    RABBITMQ_PID_FILE: join(folder, 'pid'),
    // One scheduler that does not spin while it waits: a test needs no more, and leaves a busy machine to others.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `+S ${schedulers}:${schedulers} +sbwt none +sbwtdcpu none +sbwtdio none`,
    RABBITMQ_CTL_ERL_ARGS: '+S 1:1',
  }
  const epmd = options.epmd ? undefined : await makeEpmd(epmdPort)
  const server = new RabbitServer(port, tlsPort, epmd, folder, env)
  try {
    await epmd?.start()
    await server.start()
  } catch (error) {
    await server.stop()
    throw error
  }
  return server
}

/** A port mapper of one's own: RabbitMQ would leave one behind as a daemon that outlives the test. */
export async function makeEpmd(port: number): Promise<ServerProcess> {
  return new ServerProcess({
    name: 'epmd',
    command: 'epmd',
    args: ['-port', String(port), '-address', '127.0.0.1'],
    folder: await serverFolder('epmd'),
    probe: () => connects(port),
  })
}

/** Debian puts a wrapper in PATH that changes user and folder; what it wraps stands here. */
function rabbitBinary(name: string): string {
  const debian = `/usr/lib/rabbitmq/bin/${name}`
  return existsSync(debian) ? debian : name
}

function connects(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve()
    })
    socket.on('error', reject)
  })
}

// A listener that already accepts but does not yet serve says nothing; a serving one answers with Connection.Start.
function greets(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('AMQP\x00\x00\x09\x01', 'latin1'))
    socket.setTimeout(2_000, () => socket.destroy(new Error('no greeting')))
    socket.on('error', reject).on('close', () => reject(new Error('closed')))
    socket.once('data', (data) => {
      socket.destroy()
      if (data[0] === 1) resolve()
      else reject(new Error('not AMQP 0-9-1'))
    })
  })
}
