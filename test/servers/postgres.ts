import { readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { freePort } from './ports.js'
import { type Owner, run, ServerProcess, serverFolder } from './server-process.js'

/** How a private PostgreSQL is set up. */
export interface PostgresOptions {
  /** Whether a commit reaches the disk before it is acknowledged. Default false: fast, and safe against kill -9. */
  readonly fsync?: boolean
  /** Any further setting of postgresql.conf. */
  readonly config?: Readonly<Record<string, string | number>>
}

const USER = 'lovage'
const PASSWORD = 'lovage'

/** A private PostgreSQL on a loopback port, with an empty database `lovage`. */
export class PostgresServer extends ServerProcess {
  readonly host = '127.0.0.1'
  readonly port: number
  readonly user = USER
  readonly password = PASSWORD

  constructor(port: number, folder: string, owner: Owner | undefined, options: PostgresOptions) {
    const settings: Record<string, string | number> = {
      port,
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      fsync: options.fsync ? 'on' : 'off',
      shared_buffers: '32MB',
      max_connections: 200,
      ...options.config,
    }
    super({
      name: 'postgres',
      command: join(binaries(), 'postgres'),
      args: [
        '-D',
        join(folder, 'data'),
        ...Object.entries(settings).flatMap(([k, v]) => ['-c', `${k}=${v}`]),
      ],
      folder,
      probe: () => accepts(port),
      // SIGINT is PostgreSQL's fast shutdown: it does not wait for clients to leave.
      stopSignal: 'SIGINT',
      ...(owner ? { owner } : {}),
    })
    this.port = port
  }

  /** The URL of a database, default `lovage`. */
  url(database = 'lovage'): string {
    return `postgresql://${USER}:${PASSWORD}@127.0.0.1:${this.port}/${database}`
  }

  /** Runs SQL and resolves with its rows as text, columns separated by `|`. */
  async sql(statement: string, database = 'lovage'): Promise<readonly string[]> {
    const args = [this.url(database), '-X', '-A', '-t', '-q', '-v', 'ON_ERROR_STOP=1', '-c', statement]
    const { code, stdout, stderr } = await run(join(binaries(), 'psql'), args, { cwd: this.folder })
    if (code !== 0) throw new Error(`psql: ${stderr}`)
    return stdout.split('\n').filter((line) => line !== '')
  }

  /** Creates a database, a copy of `template` if given, and resolves with its URL: isolation for one test file. */
  async createDatabase(name: string, template?: string): Promise<string> {
    await this.sql(
      `create database "${name}"${template === undefined ? '' : ` template "${template}"`}`,
      'postgres',
    )
    return this.url(name)
  }
}

/** Starts a private PostgreSQL and resolves when it accepts connections. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  // initdb and postgres refuse root.
  const owner = process.getuid?.() === 0 ? (ownerNamed('postgres') ?? ownerNamed('nobody')) : undefined
  const folder = await serverFolder('postgres', owner)
  const server = new PostgresServer(await freePort(), folder, owner, options)
  try {
    const passwordFile = join(folder, 'password')
    await writeFile(passwordFile, PASSWORD, { mode: 0o644 })
    const initdb = await run(
      join(binaries(), 'initdb'),
      [
        '-D',
        join(folder, 'data'),
        '-U',
        USER,
        '--auth=scram-sha-256',
        `--pwfile=${passwordFile}`,
        '--encoding=UTF8',
        '--no-locale',
        '--no-sync',
        '--no-instructions',
      ],
      { cwd: folder, ...(owner ? { owner } : {}) },
    )
    if (initdb.code !== 0) throw new Error(`initdb: ${initdb.stderr}`)
    await server.start()
    await server.createDatabase('lovage')
  } catch (error) {
    await server.stop()
    throw error
  }
  return server
}

/** Debian keeps the newest beside older ones, outside PATH; elsewhere PATH has them. */
function binaries(): string {
  const debian = '/usr/lib/postgresql'
  try {
    const newest = readdirSync(debian).sort((a, b) => Number(b) - Number(a))[0]
    if (newest !== undefined) return join(debian, newest, 'bin')
  } catch {
    // Not a Debian: PATH decides.
  }
  return ''
}

function ownerNamed(user: string): Owner | undefined {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${user}:`))
  const [, , uid, gid] = line?.split(':') ?? []
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) }
}

// Asks for a session in the wire protocol, version 3.0: while it starts or recovers, the server answers with an error.
function accepts(port: number): Promise<void> {
  const words = Buffer.from('user\0lovage\0database\0postgres\0\0')
  const startup = Buffer.alloc(8)
  startup.writeInt32BE(startup.length + words.length, 0)
  startup.writeInt32BE(196_608, 4)
  return new Promise<void>((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    const settle = (error?: Error) => {
      socket.destroy()
      if (error) reject(error)
      else resolve()
    }
    socket.setTimeout(1_000, () => settle(new Error('no answer')))
    socket.on('error', settle).on('close', () => settle(new Error('closed')))
    // 'R' asks for the password, which a server does only once it takes sessions.
    socket.on('data', (data) => (data[0] === 0x52 ? settle() : settle(new Error(data.toString('utf8', 5)))))
    socket.write(Buffer.concat([startup, words]))
  })
}
