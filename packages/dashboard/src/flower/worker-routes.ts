import { type Context, Hono } from 'hono'
import type { DashboardEnv } from '../access/dashboard-env.js'
import type { Fleet } from '../fleets/fleet.js'
import { QUESTIONS } from '../fleets/workers-asked.js'
import {
  answer,
  argument,
  boolArgument,
  FlowerError,
  floatArgument,
  intArgument,
  isWorker,
  knowsTask,
  READ_ONLY,
  reached,
} from './flower-request.js'
import type { FlowerSource } from './task-routes.js'

type C = Context<DashboardEnv>

/** Flower's interface to workers, and its commands to them. */
export function workerRoutes({ fleetOf, readOnly, audit }: FlowerSource): Hono<DashboardEnv> {
  const app = new Hono<DashboardEnv>()
  const fleetFor = (c: C): Fleet => fleetOf(c.req.query('fleet'))
  const workerOf = (c: C): { readonly fleet: Fleet; readonly name: string } => {
    if (readOnly) throw new FlowerError(403, READ_ONLY)
    const fleet = fleetFor(c)
    const name = c.req.param('name') ?? ''
    if (!isWorker(fleet, name)) throw new FlowerError(404, `Unknown worker '${name}'`)
    return { fleet, name }
  }
  /** Sends a command to one worker, and trusts its reply. */
  const told = async (
    c: C,
    fleet: Fleet,
    name: string,
    command: string,
    args: Readonly<Record<string, unknown>>,
    failure: (reason: string) => string,
    message?: string,
  ): Promise<Response> => {
    const answers = await reached(() => fleet.app.control.broadcast(command, args, { destination: name }))
    const said = answers[name]
    const [ok, reason] =
      typeof said === 'object' && said !== null ? [fieldOf(said, 'ok'), fieldOf(said, 'error')] : []
    if (ok === undefined) throw new FlowerError(403, failure(reason ?? 'Unknown reason'))
    await audit(c, fleet, `worker.${command.replaceAll('_', '-')}`, `${name} ${JSON.stringify(args)}`)
    return answer(c, { message: message ?? ok })
  }

  app.get('/api/workers', async (c) => {
    const fleet = fleetFor(c)
    const [refresh, status] = [await boolArgument(c, 'refresh'), await boolArgument(c, 'status')]
    const name = await argument(c, 'workername')
    if (refresh) {
      try {
        await fleet.asked.ask(QUESTIONS, name || undefined, true)
      } catch (error) {
        throw new FlowerError(
          503,
          `Failed to update workers: ${error instanceof Error ? error.message : String(error)}`,
        )
      }
    }
    if (status)
      return answer(
        c,
        Object.fromEntries(fleet.workers().map(({ hostname, isAlive }) => [hostname, isAlive])),
      )
    if (!name) return answer(c, Object.fromEntries(fleet.asked.known))
    const known = fleet.asked.known.get(name)
    if (!known) throw new FlowerError(404, `Unknown worker '${name}'`)
    return answer(c, { [name]: known })
  })
  app.post('/api/worker/shutdown/:name{.+}', async (c) => {
    const { fleet, name } = workerOf(c)
    await reached(() => fleet.app.control.shutdown({ destination: name, timeout: 0.1 }))
    await audit(c, fleet, 'worker.shutdown', name)
    return answer(c, { message: 'Shutting down!' })
  })
  app.post('/api/worker/pool/restart/:name{.+}', (c) => {
    const { fleet, name } = workerOf(c)
    const failure = (reason: string): string => `Failed to restart the '${name}' pool: ${reason}`
    return told(
      c,
      fleet,
      name,
      'pool_restart',
      { reload: false },
      failure,
      `Restarting '${name}' worker's pool`,
    )
  })
  app.post('/api/worker/pool/grow/:name{.+}', async (c) => {
    const { fleet, name } = workerOf(c)
    const n = await intArgument(c, 'n', 1)
    const failure = (reason: string): string => `Failed to grow '${name}' worker's pool: ${reason}`
    return told(c, fleet, name, 'pool_grow', { n }, failure, `Growing '${name}' worker's pool by ${n}`)
  })
  app.post('/api/worker/pool/shrink/:name{.+}', async (c) => {
    const { fleet, name } = workerOf(c)
    const n = await intArgument(c, 'n', 1)
    const failure = (reason: string): string => `Failed to shrink '${name}' worker's pool: ${reason}`
    return told(c, fleet, name, 'pool_shrink', { n }, failure, `Shrinking '${name}' worker's pool by ${n}`)
  })
  app.post('/api/worker/pool/autoscale/:name{.+}', async (c) => {
    const { fleet, name } = workerOf(c)
    const [min, max] = [await intArgument(c, 'min'), await intArgument(c, 'max')]
    const failure = (reason: string): string => `Failed to autoscale '${name}' worker: ${reason}`
    return told(
      c,
      fleet,
      name,
      'autoscale',
      { min, max },
      failure,
      `Autoscaling '${name}' worker (min=${min}, max=${max})`,
    )
  })
  app.post('/api/worker/queue/add-consumer/:name{.+}', async (c) => {
    const { fleet, name } = workerOf(c)
    const queue = await queueOf(c)
    const failure = (reason: string): string =>
      `Failed to add '${queue}' consumer to '${name}' worker: ${reason}`
    return told(c, fleet, name, 'add_consumer', { queue }, failure)
  })
  app.post('/api/worker/queue/cancel-consumer/:name{.+}', async (c) => {
    const { fleet, name } = workerOf(c)
    const queue = await queueOf(c)
    const failure = (reason: string): string =>
      `Failed to cancel '${queue}' consumer from '${name}' worker: ${reason}`
    return told(c, fleet, name, 'cancel_consumer', { queue }, failure)
  })
  app.post('/api/task/revoke/:id{.+}', async (c) => {
    if (readOnly) throw new FlowerError(403, READ_ONLY)
    const fleet = fleetFor(c)
    const id = c.req.param('id')
    const terminate = await boolArgument(c, 'terminate')
    const signal = (await argument(c, 'signal')) || 'SIGTERM'
    if (!/^(?:SIG)?[A-Z0-9]{2,10}$/.test(signal))
      throw new FlowerError(400, `Invalid argument '${signal}' of type 'signal'`)
    // Its form is checked; a worker refuses a signal that its system lacks.
    await reached(() => fleet.app.control.revoke(id, { terminate, signal: signal as NodeJS.Signals }))
    await audit(c, fleet, terminate ? 'task.terminate' : 'task.revoke', id)
    return answer(c, { message: `Revoked '${id}'` })
  })
  const limit = (
    path: string,
    command: string,
    what: string,
    read: (c: C) => Promise<Readonly<Record<string, unknown>>>,
  ): void => {
    app.post(path, async (c) => {
      if (readOnly) throw new FlowerError(403, READ_ONLY)
      const fleet = fleetFor(c)
      const task = c.req.param('name') ?? ''
      const worker = await argument(c, 'workername')
      const args = await read(c)
      if (!knowsTask(fleet, task)) throw new FlowerError(404, `Unknown task '${task}'`)
      if (!worker || !isWorker(fleet, worker))
        throw new FlowerError(404, `Unknown worker '${worker ?? '[]'}'`)
      return told(
        c,
        fleet,
        worker,
        command,
        { task_name: task, ...args },
        (reason) => `Failed to set ${what}: '${reason}'`,
      )
    })
  }
  limit('/api/task/timeout/:name{.+}', 'time_limit', 'timeouts', async (c) => ({
    hard: (await floatArgument(c, 'hard')) ?? null,
    soft: (await floatArgument(c, 'soft')) ?? null,
  }))
  limit('/api/task/rate-limit/:name{.+}', 'rate_limit', 'rate limit', async (c) => {
    const rate = await argument(c, 'ratelimit')
    if (rate === undefined) throw new FlowerError(400, "Invalid argument '[]' of type 'str'")
    return { rate_limit: rate }
  })
  return app
}

async function queueOf(c: C): Promise<string> {
  const queue = await argument(c, 'queue')
  if (!queue) throw new FlowerError(400, "Invalid argument '[]' of type 'str'")
  return queue
}

const fieldOf = (said: object, name: string): string | undefined => {
  const value = Object.entries(said).find(([key]) => key === name)?.[1]
  return value === undefined ? undefined : String(value)
}
