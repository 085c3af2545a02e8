import { isLovageError } from 'lovage'
import { FlowerError } from './flower-request.js'
import { localTime } from './local-time.js'

/** Options of Celery's `apply_async`, with their names here. */
const OPTIONS: Readonly<Record<string, string>> = {
  task_id: 'taskId',
  queue: 'queue',
  exchange: 'exchange',
  routing_key: 'routingKey',
  priority: 'priority',
  serializer: 'serializer',
  compression: 'compression',
  time_limit: 'timeLimit',
  soft_time_limit: 'softTimeLimit',
  headers: 'headers',
  shadow: 'shadow',
  argsrepr: 'argsrepr',
  kwargsrepr: 'kwargsrepr',
  ignore_result: 'ignoreResult',
  retry: 'retry',
  delivery_mode: 'deliveryMode',
  reply_to: 'replyTo',
  root_id: 'rootId',
  parent_id: 'parentId',
  group_id: 'groupId',
  group_index: 'groupIndex',
  retries: 'retries',
}
/** Reads a call's options from HTTP. @throws {FlowerError} 400 for an unknown option, or an invalid value. */
export function callOptions(given: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const options: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(given)) {
    // Python takes an empty id for none, and makes one.
    if (value === null || (name === 'task_id' && value === '')) continue
    if (name === 'eta') options.eta = dateOf(value)
    else if (name === 'countdown') options.countdown = numberOf(value)
    else if (name === 'expires')
      options.expires =
        typeof value === 'number' || !Number.isNaN(Number(value)) ? numberOf(value) : dateOf(value)
    else {
      const known = OPTIONS[name]
      if (known === undefined) throw new FlowerError(400, `Invalid option: ${name}`)
      options[known] = value
    }
  }
  return options
}

/** Sends a call; errors in the call are the caller's fault, broker errors are not. @throws {FlowerError} 400, 503. */
export async function sent<T>(send: () => Promise<T>): Promise<T> {
  try {
    return await send()
  } catch (error) {
    if (error instanceof FlowerError) throw error
    const isConnection = isLovageError(error) && error.name === 'ConnectionError'
    if (isConnection || !(error instanceof Error))
      throw new FlowerError(503, 'Broker or result backend unavailable')
    throw new FlowerError(400, error.message)
  }
}

function numberOf(value: unknown): number {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (typeof number !== 'number' || !Number.isFinite(number)) throw new FlowerError(400, 'Invalid option')
  return number
}

function dateOf(value: unknown): Date {
  const date = localTime(String(value), true)
  if (!date) throw new FlowerError(400, 'Invalid option')
  return date
}
