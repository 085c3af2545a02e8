import { newContext, type RunEnvironment, type TaskRegistry } from '../../../app/tasks/index.js'
import { LovageError } from '../../../kernel/index.js'
import type { IncomingMessage } from '../../../message/index.js'
import { type DecodeOptions, decodeJson, decodeTask, encodeJson } from '../../../message/index.js'
import type { Job } from '../job.js'

/** A job between parent and child: the message as received, which the child parses itself. */
export interface WireJob {
  /** Identifies this run on its channel. */
  readonly key: number
  readonly queue: string
  readonly message: Omit<IncomingMessage, 'headers'>
  /** JSON, so that typed values and long integers stay what they are. */
  readonly headers: string
}

export function jobToWire(key: number, { message, context }: Job): WireJob {
  const { headers, ...rest } = message
  return {
    key,
    queue: context.deliveryInfo.queue ?? '',
    message: rest,
    headers: encodeJson(headers, 'headers'),
  }
}

/** @throws {LovageError} when parent and child do not have the same tasks or settings. */
export function jobFromWire(
  wire: WireJob,
  tasks: TaskRegistry,
  options: DecodeOptions,
  environment: RunEnvironment,
): Job {
  // An object was written; bytes come through the channel as a plain Uint8Array.
  const headers = decodeJson(wire.headers, { integers: 'bigint' }) as Record<string, unknown>
  const { body } = wire.message
  const message = {
    ...wire.message,
    headers,
    body: typeof body === 'string' ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength),
  }
  const call = decodeTask(message, options)
  if (call instanceof Error) throw call
  const task = tasks.get(call.headers.task)
  if (!task) {
    throw new LovageError(`${call.headers.task} is registered in the worker, but not in its child.`, {
      code: 'LVG_TASK_NOT_REGISTERED',
      hint: 'Register the same tasks in every process: at import, whatever the environment.',
    })
  }
  return { task, message, call, context: newContext(task, call, message, wire.queue, environment) }
}
