import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** The user a server runs as, for those that refuse root. */
export interface Owner {
  readonly uid: number
  readonly gid: number
}

/** How to start one server process, and how to see that it serves. */
export interface ServerProcessOptions {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  /** The private folder: working directory and data. Removed by `stop`, and when the test process dies. */
  readonly folder: string
  readonly env?: Readonly<Record<string, string>>
  readonly owner?: Owner
  /** One attempt to use the server; tried again until it resolves, the process ends or `readyTimeoutMs` is over. */
  readonly probe: (process: ServerProcess) => Promise<void>
  /** Default 20 000. */
  readonly readyTimeoutMs?: number
  /** What `stop` sends. Default SIGTERM. */
  readonly stopSignal?: NodeJS.Signals
  /** How long `stop` waits before SIGKILL. Default 5 000. */
  readonly stopTimeoutMs?: number
}

/**
 * A server as a child process in a process group of its own.
 *
 * Promise 1: it dies with the process that started it, however that one dies (a watchdog shell waits on a pipe).
 * Promise 2: signals go to this process and its descendants only, by id.
 */
export class ServerProcess implements AsyncDisposable {
  readonly #options: ServerProcessOptions
  #child: ChildProcess | undefined
  #watchdog: ChildProcess | undefined
  #exited: Promise<void> = Promise.resolve()
  #log = ''

  constructor(options: ServerProcessOptions) {
    this.#options = options
  }

  get name(): string {
    return this.#options.name
  }

  get folder(): string {
    return this.#options.folder
  }

  /** The pid of the running process; an error when it does not run. */
  get pid(): number {
    const pid = this.#child?.pid
    if (pid === undefined) throw new Error(`${this.name} is not running`)
    return pid
  }

  get running(): boolean {
    return this.#child !== undefined
  }

  /** Everything written to stdout and stderr since the last start. */
  get log(): string {
    return this.#log
  }

  /** Starts the process and resolves once the probe has succeeded. */
  async start(): Promise<void> {
    if (this.#child) throw new Error(`${this.name} is already running`)
    const { command, args, folder, env, owner, readyTimeoutMs = 20_000 } = this.#options
    this.#log = ''
    const child = spawn(command, args, {
      cwd: folder,
      env: { ...process.env, ...env },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...owner,
    })
    this.#child = child
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#log += text
      })
    }
    let spawnError: Error | undefined
    this.#exited = new Promise((resolve) => {
      const ended = () => {
        this.#child = undefined
        this.#watchdog?.kill('SIGKILL')
        this.#watchdog = undefined
        resolve()
      }
      child.once('exit', ended)
      child.once('error', (error) => {
        spawnError = error
        ended()
      })
    })
    if (child.pid !== undefined) this.#watchdog = watch(child.pid, folder)

    const deadline = Date.now() + readyTimeoutMs
    for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 2, 100)) {
      if (!this.#child)
        throw new Error(`${this.name} ended while starting; its log:\n${this.#log}`, { cause: spawnError })
      try {
        await this.#options.probe(this)
        return
      } catch (error) {
        if (Date.now() > deadline) {
          const log = this.#log
          await this.kill()
          throw new Error(`${this.name} was not ready in ${readyTimeoutMs} ms; its log:\n${log}`, {
            cause: error,
          })
        }
      }
      await Promise.race([sleep(pauseMs), this.#exited])
    }
  }

  /** Sends a signal to the main process, which passes it on to its children as it sees fit; does not wait. */
  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal)
  }

  /**
   * Sends a signal and waits for the end. SIGKILL (the default) strikes the process and all its descendants at once,
   * any other signal the main process. Data and port stay for `restart`.
   */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (!this.#child) return
    const family = familyOf(this.pid)
    if (signal === 'SIGKILL') signalAll(family, 'SIGKILL')
    else this.signal(signal)
    await this.#exited
    signalAll(family.slice(1), 'SIGKILL')
    // A descendant may hold the port a little longer: whoever starts again must not find it still listening.
    while (family.some(isAlive)) await sleep(5)
  }

  /** Starts again on the same port and data, after a kill -9 if it still runs. */
  async restart(): Promise<void> {
    await this.kill()
    await this.start()
  }

  /** SIGSTOP: connections stay open, nothing answers. */
  pause(): void {
    signalAll(familyOf(this.pid), 'SIGSTOP')
  }

  resume(): void {
    signalAll(familyOf(this.pid), 'SIGCONT')
  }

  /** Resolves when the process has ended, for whatever reason. */
  exited(): Promise<void> {
    return this.#exited
  }

  /** Ends it for good (cleanly if it obeys in time) and removes its folder. Any number of times. */
  async stop(): Promise<void> {
    if (this.#child) {
      this.resume()
      const late = setTimeout(() => void this.kill(), this.#options.stopTimeoutMs ?? 5_000)
      await this.kill(this.#options.stopSignal ?? 'SIGTERM')
      clearTimeout(late)
    }
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

/** A private folder for one server, owned by the user that it runs as. */
export async function serverFolder(name: string, owner?: Owner): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `lovage-${name}-`))
  if (owner) chownSync(folder, owner.uid, owner.gid)
  return folder
}

/**
 * Ends a process group, and removes a folder, when this process is gone: the shell reads until end of file, which comes
 * then. Whoever ends the group first kills the watchdog.
 */
export function watch(pid: number, folder: string): ChildProcess {
  const script = 'cat >/dev/null; kill -s KILL -- "-$1" 2>/dev/null; rm -rf -- "$2"'
  const watchdog = spawn('sh', ['-c', script, 'watchdog', String(pid), folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  watchdog.unref()
  // A child's stdin is a socket, which can be unreferenced, though its declared type is a mere Writable.
  const stdin = watchdog.stdin as { unref?: () => void } | null
  stdin?.unref?.()
  watchdog.on('error', () => {})
  return watchdog
}

/** A process and its descendants, also those that left its group (a PostgreSQL backend does). */
function familyOf(pid: number): readonly number[] {
  const family = [pid]
  for (const member of family) {
    try {
      for (const thread of readdirSync(`/proc/${member}/task`)) {
        const children = readFileSync(`/proc/${member}/task/${thread}/children`, 'utf8')
        family.push(...children.split(' ').filter(Boolean).map(Number))
      }
    } catch {
      // The member has just ended, or there is no /proc: the process itself is what can be reached.
    }
  }
  return family
}

/** Whether it runs: a zombie that init has not yet collected does not. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal)
    } catch {
      // It ended first.
    }
  }
}

/** Resolves with what the process printed and its exit code. Rejects when it cannot be started. */
export async function run(
  command: string,
  args: readonly string[],
  options: {
    cwd?: string
    env?: Readonly<Record<string, string>>
    owner?: Owner
    timeoutMs?: number
    input?: string
  } = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    timeout: options.timeoutMs ?? 60_000,
    killSignal: 'SIGKILL',
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    ...options.owner,
  })
  // One that ends without reading it says why elsewhere.
  child.stdin?.on('error', () => {}).end(options.input)
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  // 'close' carries the exit code, or null when a signal (the timeout's, for one) ended it.
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr }
}
