import { SoftTimeLimitExceeded } from '../../../app/tasks/index.js'
import { messageOf } from '../../../kernel/index.js'

/** An error between parent and child; the copy on the other side is not an instance of the task's own class. */
export interface WireError {
  readonly name: string
  readonly message: string
  readonly stack?: string
  readonly code?: string
  /** Seconds of the soft time limit that has passed. */
  readonly softLimit?: number
}

export function errorToWire(error: unknown): WireError {
  if (error instanceof SoftTimeLimitExceeded)
    return { name: error.name, message: error.message, softLimit: Number(error.details.seconds) }
  if (!(error instanceof Error)) return { name: 'Error', message: messageOf(error) }
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {}
  const stack = typeof error.stack === 'string' ? { stack: error.stack } : {}
  return { name: String(error.name), message: String(error.message), ...stack, ...code }
}

export function errorFromWire(wire: WireError): Error {
  if (wire.softLimit !== undefined) return new SoftTimeLimitExceeded(wire.softLimit)
  const error = new Error(wire.message)
  error.name = wire.name
  if (wire.stack !== undefined) error.stack = wire.stack
  return wire.code === undefined ? error : Object.assign(error, { code: wire.code })
}
