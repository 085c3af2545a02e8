import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run, ServerProcess, serverFolder, watch } from './server-process.js'

/** Debian's interpreter, which has Debian's Celery: another `python3` may stand before it in PATH. */
const PYTHON = process.env.LOVAGE_TEST_PYTHON ?? '/usr/bin/python3'

/** A Python application: a module `tasks` in which `app` and `Celery` are already there. */
export interface PythonApp {
  /** The URL as Python's Celery takes it. */
  readonly broker: string
  /** Default: none. */
  readonly backend?: string
  /** What follows `app = Celery('tasks', …)`: tasks and `app.conf` settings. Common indentation is removed. */
  readonly source?: string
  readonly env?: Readonly<Record<string, string>>
}

/** How a Python worker is started. */
export interface PythonWorkerOptions extends PythonApp {
  /** What follows `celery -A tasks worker`, such as `['-Q', 'media', '-c', '2']`. Default: one solo process. */
  readonly args?: readonly string[]
}

/** A running Python worker. Its `log` holds Celery's log lines at level INFO. */
export class PythonCelery extends ServerProcess {
  readonly #app: PythonApp
  /** Its name in events and remote control. */
  readonly nodeName: string

  constructor(folder: string, nodeName: string, options: PythonWorkerOptions) {
    super({
      name: 'python celery',
      command: PYTHON,
      args: [
        '-m',
        'celery',
        '-A',
        'tasks',
        'worker',
        '-l',
        'INFO',
        '-n',
        nodeName,
        ...(options.args ?? ['-P', 'solo']),
      ],
      folder,
      env: environment(options),
      probe: async (worker) => {
        if (!/ ready\.$/m.test(worker.log)) throw new Error('not ready')
      },
      readyTimeoutMs: 40_000,
    })
    this.#app = options
    this.nodeName = nodeName
  }

  /** Runs a script beside the worker's module, see `runPython`. */
  run(code: string, options: { readonly timeoutMs?: number } = {}): Promise<string> {
    return script(this.folder, this.#app, code, options)
  }

  /** Starts `celery -A tasks …`, such as `events --dump`, which goes on until it is stopped. */
  follow(...args: readonly string[]): PythonCommand {
    return new PythonCommand(args, this.folder, environment(this.#app))
  }

  /** Runs `celery -A tasks …`, such as `inspect ping`, and resolves with its output, whatever the exit code. */
  async command(
    ...args: readonly string[]
  ): Promise<{ code: number | null; stdout: string; stderr: string }> {
    return await run(PYTHON, ['-m', 'celery', '-A', 'tasks', ...args], {
      cwd: this.folder,
      env: environment(this.#app),
    })
  }
}

/** A command of Celery's that goes on until it is stopped, such as `celery events --dump`. */
export class PythonCommand {
  readonly #child: ChildProcess
  stdout = ''
  stderr = ''

  constructor(args: readonly string[], folder: string, env: Readonly<Record<string, string>>) {
    this.#child = spawn(PYTHON, ['-m', 'celery', '-A', 'tasks', ...args], {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    // It must not outlive the test, however that ends.
    const watchdog = this.#child.pid === undefined ? undefined : watch(this.#child.pid, '')
    this.#child.on('close', () => watchdog?.kill('SIGKILL'))
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const closed = once(this.#child, 'close')
    this.#child.kill('SIGKILL')
    await closed
  }
}

let workers = 0

/** Starts a Python worker and resolves when its log says that it is ready. */
export async function pythonCelery(options: PythonWorkerOptions): Promise<PythonCelery> {
  const folder = await serverFolder('python')
  await writeModule(folder, options)
  const worker = new PythonCelery(folder, `py-${process.pid}-${++workers}@localhost`, options)
  try {
    await worker.start()
  } catch (error) {
    await worker.stop()
    throw error
  }
  return worker
}

/**
 * Runs a Python script which has `app` and all else of the module `tasks`, and `json`; resolves with what it printed.
 * Rejects with its stderr when it fails.
 */
export async function runPython(code: string, app?: PythonApp): Promise<string> {
  await using folder = await disposableFolder()
  if (app) await writeModule(folder.path, app)
  return await script(folder.path, app, code)
}

async function disposableFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await serverFolder('python')
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

async function script(
  folder: string,
  app: PythonApp | undefined,
  code: string,
  options: { readonly timeoutMs?: number } = {},
): Promise<string> {
  const head = `import json, os, sys\nsys.path.insert(0, os.getcwd())\n${app ? 'from tasks import *\n' : ''}`
  const {
    code: exitCode,
    stdout,
    stderr,
  } = await run(PYTHON, ['-c', head + dedent(code)], {
    cwd: folder,
    env: app ? environment(app) : {},
    ...options,
  })
  if (exitCode !== 0) throw new Error(`python ended with ${exitCode}: ${stderr}`)
  return stdout
}

async function writeModule(folder: string, app: PythonApp): Promise<void> {
  const head = [
    'import os',
    'from celery import Celery, chain, chord, group, shared_task, signature',
    "app = Celery('tasks', broker=os.environ['TEST_BROKER'], backend=os.environ.get('TEST_BACKEND'))",
    '',
  ]
  await writeFile(join(folder, 'tasks.py'), head.join('\n') + dedent(app.source ?? ''))
}

const environment = (app: PythonApp): Record<string, string> => ({
  TEST_BROKER: app.broker,
  ...(app.backend === undefined ? {} : { TEST_BACKEND: app.backend }),
  PYTHONUNBUFFERED: '1',
  PYTHONDONTWRITEBYTECODE: '1',
  ...app.env,
})

function dedent(text: string): string {
  const lines = text.split('\n')
  const depths = lines
    .filter((line) => line.trim() !== '')
    .map((line) => line.length - line.trimStart().length)
  const depth = depths.length > 0 ? Math.min(...depths) : 0
  return `${lines.map((line) => line.slice(depth)).join('\n')}\n`
}
