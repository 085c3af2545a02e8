import { readFileSync } from 'node:fs'
import { ConfigurationError, Lovage } from 'lovage'
import type { FleetOptions } from '../fleets/fleet-options.js'
import { flowerApp } from '../flower/flower-app.js'
import { openDashboard } from '../opening/open-dashboard.js'
import { assetRoutes, pageViews } from '../pages/index.js'
import { dashboardApp } from '../server/dashboard-app.js'
import { serve } from '../server/serve.js'
import { openWebhooks } from '../webhooks/open-webhooks.js'
import { accessOf } from './access-of.js'
import { type CommandOptions, readOptions } from './flower-options.js'

/** A running dashboard. */
export interface RunningDashboard {
  /** The URL on which it listens. */
  readonly url: string
  readonly port: number | undefined
  /** Writes pending data and stops; the first fleet's app stays open. */
  close(): Promise<void>
}

const DAY_MS = 86_400_000

/**
 * Runs the dashboard, as `lovage dashboard` and `lovage flower` do.
 *
 * @param app The app of the first fleet, which is called `main`.
 * @param argv The arguments after the command: Flower's options, see `optionsHelp`.
 * @throws {ConfigurationError} LVG_USAGE, LVG_CONFIG_INVALID.
 * @example
 * import { runDashboard } from '@lovage/dashboard/cli'
 * const running = await runDashboard(app, ['--port', '5555'])
 */
export async function runDashboard(
  app: Lovage,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<RunningDashboard> {
  const options = withFile(readOptions(argv, env), argv, env)
  // Integers are shown exactly, whatever the app's own setting; no tasks run here.
  if (app.conf.integers !== 'bigint') app.configFromObject({ integers: 'bigint' })
  const others = options.fleet.map((text) => fleetOf(text, app))
  const hooks =
    options.webhooks === '' ? undefined : await openWebhooks(app, options.webhooks, options.webhooksQueue)
  const dashboard = await openDashboard({
    fleets: [{ name: 'main', app, ...(hooks ? { webhooks: hooks.webhooks } : {}) }, ...others],
    db: options.db,
    readOnly: options.readOnly,
    urlPrefix: options.urlPrefix,
    inspectTimeoutMs: options.inspectTimeout,
    enableEvents: options.enableEvents,
    maxWorkers: options.maxWorkers,
    forgetWorkersAfter: options.purgeOfflineWorkers,
    redact: options.redact,
    retention: { taskMs: options.keepDays * DAY_MS, taskRows: options.keepTasks },
  })
  try {
    const access = accessOf(dashboard, options, env)
    // Anyone who reaches an open dashboard may change everything: it is not exposed to the network unless requested.
    const address = options.address || (access.isOpen ? '127.0.0.1' : '')
    const { taskRuntimeMetricBuckets: buckets } = options
    const { open, api } = flowerApp(dashboard, {
      isApiOpen: !access.isOpen || options.unauthenticatedApi,
      maxTasks: options.maxTasks,
      ...(buckets.length > 0 ? { buckets } : {}),
    })
    const server = await serve(
      dashboardApp(dashboard, {
        access: access.middleware,
        views: pageViews,
        open: [assetRoutes(), open, ...access.routes],
        routes: [api],
      }),
      { ...options, address },
    )
    return {
      url: `${server.url}${dashboard.prefix}/`,
      port: server.port,
      async close() {
        await server.close()
        await dashboard.close()
        await hooks?.[Symbol.asyncDispose]()
        await Promise.all(others.map((other) => other.app.close()))
      },
    }
  } catch (error) {
    await dashboard.close()
    await hooks?.[Symbol.asyncDispose]()
    throw error
  }
}

/** Adds the options of a file (`--conf`), which stand between those from the environment and those from the command line. */
function withFile(
  options: CommandOptions,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): CommandOptions {
  const { conf } = options
  if (conf === '') return options
  const wrong = (why: string, cause?: unknown): ConfigurationError =>
    new ConfigurationError(`The options in ${conf} cannot be read: ${why}`, {
      code: 'LVG_CONFIG_INVALID',
      hint: 'Write a JSON object: {"port": 5555, "basic_auth": ["ada:secret"]}.',
      cause,
    })
  let values: unknown
  try {
    values = JSON.parse(readFileSync(conf, 'utf8'))
  } catch (cause) {
    throw wrong(String(cause), cause)
  }
  if (typeof values !== 'object' || values === null || Array.isArray(values)) throw wrong('it is no object.')
  try {
    return readOptions(argv, env, { ...values })
  } catch (cause) {
    throw wrong(cause instanceof Error ? cause.message : String(cause), cause)
  }
}

/** `name=broker-url`, or `name=broker-url;results-url`. */
function fleetOf(text: string, like: Lovage): FleetOptions {
  const [, name = '', broker, results] = /^([^=]+)=([^;]+)(?:;(.+))?$/.exec(text) ?? []
  if (broker === undefined)
    throw new ConfigurationError(`${JSON.stringify(text)} is not a fleet.`, {
      code: 'LVG_USAGE',
      hint: 'Write --fleet name=redis://host/1, or --fleet name=amqp://host;redis://host.',
    })
  const settings = { broker, ...(results === undefined ? {} : { backend: results }) }
  return { name, app: new Lovage(name, { ...settings, integers: 'bigint', logger: like.logger, env: {} }) }
}
