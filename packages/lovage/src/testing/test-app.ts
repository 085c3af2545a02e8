import { type AppOptions, coreOf } from '../app/core/index.js'
import { queueOfTasks } from '../app/fleet/index.js'
import { Lovage } from '../app/index.js'
import { driverOf } from '../drivers/index.js'
import { newId, silentLogger } from '../kernel/index.js'
import { type StartOptions, startWorker } from '../node/index.js'
import type { Worker } from '../worker/index.js'

/** An app whose broker and results live in this process's memory, apart from every other app; it reads no environment. */
export function createTestApp(main = 'test', options: AppOptions = {}): Lovage {
  return new Lovage(main, { broker: `memory://${newId()}`, logger: silentLogger, env: {}, ...options })
}

/** How a test worker is started. */
export interface TestWorkerOptions extends StartOptions {
  /**
   * `memory`: the app's broker, results and what else it keeps lie in this process's memory from now on, whatever its settings
   * say, so that a unit test never talks to a fleet; it must not be connected yet. `app`: as its settings say. Default `memory`,
   * for an app that was given its own `env` (as `createTestApp` does) `app`.
   */
  readonly broker?: 'memory' | 'app'
}

/**
 * Starts a worker for an app in this process, on all queues that its tasks go to. Stops, warm, when it is disposed of:
 * `await using worker = await startTestWorker(app)`.
 * @throws {ConfigurationError} LVG_CONFIG_INVALID when the app is connected to another broker already.
 */
export async function startTestWorker(app: Lovage, options: TestWorkerOptions = {}): Promise<Worker> {
  const core = coreOf(app)
  const { broker = core.readsEnvironment ? 'memory' : 'app', ...rest } = options
  const { brokerUrl } = app.conf
  if (brokerUrl === undefined || (broker === 'memory' && driverOf(brokerUrl)?.reach !== 'process'))
    moveToMemory(app)
  const queues = [
    ...new Set([...core.router.declared.map(({ name }) => name), ...queueOfTasks(core).values()]),
  ]
  return startWorker(core, { hostname: `test-${newId().slice(0, 8)}@localhost`, queues, ...rest })
}

function moveToMemory(app: Lovage): void {
  const url = `memory://${newId()}`
  const { resultBackend, coordinationUrl, deadLetterUrl } = app.conf
  const keepsResults = resultBackend !== undefined && !resultBackend.startsWith('disabled')
  app.configFromObject({
    brokerUrl: url,
    ...(keepsResults ? { resultBackend: url } : {}),
    ...(coordinationUrl === undefined ? {} : { coordinationUrl: url }),
    // Letters lie beside the messages.
    ...(deadLetterUrl === undefined ? {} : { deadLetterUrl: null }),
    ...(app.conf.outboxUrl === undefined ? {} : { outboxUrl: null }),
  })
}
