import { type AppOptions, coreOf } from '../app/core/index.js'
import { queueOfTasks } from '../app/fleet/index.js'
import { Lovage } from '../app/index.js'
import { driverOf } from '../drivers/index.js'
import { newId, silentLogger } from '../kernel/index.js'
import { type StartOptions, startWorker } from '../node/index.js'
import type { Worker } from '../worker/index.js'

/**
 * Creates an app whose broker and results are in this process's memory, isolated from every other app; it reads no environment.
 *
 * @example
 * import { createTestApp, startTestWorker } from 'lovage/testing'
 * await using shop = createTestApp('shop')
 * const double = shop.task({ name: 'double', run: (_ctx, x: number) => 2 * x })
 * await using _worker = await startTestWorker(shop)
 * console.log(await (await double.delay(2)).get()) // 4
 */
export function createTestApp(main = 'test', options: AppOptions = {}): Lovage {
  return new Lovage(main, { broker: `memory://${newId()}`, logger: silentLogger, env: {}, ...options })
}

/** The options of a test worker. */
export interface TestWorkerOptions extends StartOptions {
  /**
   * `memory`: the app's broker, results and other stores are in this process's memory from now on, whatever its settings, so that a unit
   * test never talks to a fleet; the app must not be connected yet. `app`: as in its settings. Default `memory`; `app` for an app that
   * was given its own `env` (as `createTestApp` does).
   */
  readonly broker?: 'memory' | 'app'
}

/**
 * Starts a worker for an app in this process, on all queues of its tasks. Stops, warm, when disposed: `await using worker = await
 * startTestWorker(app)`.
 * @throws {ConfigurationError} LVG_CONFIG_INVALID when the app is already connected to another broker.
 * @example
 * import { startTestWorker } from 'lovage/testing'
 * await using worker = await startTestWorker(app)
 * console.log(await (await add.delay(2, 3)).get()) // 5
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
    // Dead letters are kept with the messages.
    ...(deadLetterUrl === undefined ? {} : { deadLetterUrl: null }),
    ...(app.conf.outboxUrl === undefined ? {} : { outboxUrl: null }),
  })
}
