import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Lovage, Worker } from 'lovage'
import { createTestApp, startTestWorker } from 'lovage/testing'
import { Command } from '../cli/command.js'
import { type PythonCelery, pythonCelery } from '../servers.js'
import type { RunningBroker } from './brokers.js'

const PYTHON = `
app.conf.update(task_default_queue='py')

@app.task(name='py.add')
def add(x, y):
    return x + y
`

/** A Python worker and one of ours (`ts@box`) on one broker, and the command line beside them. */
export interface MixedFleet extends AsyncDisposable {
  readonly folder: string
  readonly broker: RunningBroker
  readonly python: PythonCelery
  readonly app: Lovage
  readonly worker: Worker
  /** Runs a command on that broker to its end. */
  lovage(
    ...args: readonly string[]
  ): Promise<{ code: number | NodeJS.Signals; stdout: string; stderr: string }>
}

/** @param pool What follows `celery worker`, such as `['-P', 'solo']`. */
export async function startMixedFleet(
  pool: readonly string[],
  start: () => Promise<RunningBroker>,
): Promise<MixedFleet> {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-control-'))
  const broker = await start()
  const both = { broker: broker.url, backend: broker.backend }
  const python = await pythonCelery({ ...both, source: PYTHON, args: [...pool, '-Q', 'py'] })
  const app = createTestApp('ts', { ...both, taskDefaultQueue: 'ts' })
  app.task({ name: 'ts.add', run: (_ctx, x: number, y: number) => x + y })
  const worker = await startTestWorker(app, { hostname: 'ts@box' })
  return {
    folder,
    broker,
    python,
    app,
    worker,
    async lovage(...args) {
      const urls = ['-b', broker.url, '--result-backend', broker.backend]
      await using command = new Command([...urls, ...args], { cwd: folder })
      const code = await command.exited
      return { code, stdout: command.stdout, stderr: command.stderr }
    },
    async [Symbol.asyncDispose]() {
      await worker.stop()
      await app.close()
      await python.stop()
      await broker.stop()
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
