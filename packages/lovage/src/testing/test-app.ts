import { type AppOptions, Lovage, queueOfTasks } from '../app/index.js'
import { newId, silentLogger } from '../kernel/index.js'
import { type StartOptions, startWorker } from '../node/index.js'
import type { Worker } from '../worker/index.js'

/** An app whose broker and results live in this process's memory, apart from every other app; it reads no environment. */
export function createTestApp(main = 'test', options: AppOptions = {}): Lovage {
  return new Lovage(main, { broker: `memory://${newId()}`, logger: silentLogger, env: {}, ...options })
}

/**
 * Starts a worker for an app in this process, on all queues that its tasks go to. An app that names no broker gets one in
 * memory for the time. Stops,
 * warm, when it is disposed of: `await using worker = await startTestWorker(app)`.
 */
export async function startTestWorker(app: Lovage, options: StartOptions = {}): Promise<Worker> {
  if (app.conf.brokerUrl === undefined) app.configFromObject({ brokerUrl: `memory://${newId()}` })
  const queues = [...new Set([...app.router.declared.map(({ name }) => name), ...queueOfTasks(app).values()])]
  return startWorker(app, { hostname: `test-${newId().slice(0, 8)}@localhost`, queues, ...options })
}
