import {
  ConfigurationError,
  ConnectionError,
  type ErrorCode,
  isLovageError,
  LovageError,
  messageOf,
} from '../../../kernel/index.js'

/** The meaning of SQLite's result codes to the user of a store; extended codes start with the same words. */
const CODES: readonly (readonly [prefix: string, code: ErrorCode, sentence: string])[] = [
  ['SQLITE_BUSY', 'LVG_STORE_LOCKED', 'is locked by another process'],
  ['SQLITE_LOCKED', 'LVG_STORE_LOCKED', 'is locked by another process'],
  ['SQLITE_READONLY', 'LVG_STORE_READ_ONLY', 'cannot be written'],
  ['SQLITE_PERM', 'LVG_STORE_READ_ONLY', 'cannot be written'],
  ['SQLITE_AUTH', 'LVG_STORE_READ_ONLY', 'cannot be written'],
  ['SQLITE_NOTADB', 'LVG_STORE_CORRUPT', 'is not a SQLite database'],
  ['SQLITE_CORRUPT', 'LVG_STORE_CORRUPT', 'is damaged'],
  ['SQLITE_FULL', 'LVG_STORE_FULL', 'cannot grow: the disk is full'],
  ['SQLITE_CANTOPEN', 'LVG_STORE_UNSUITABLE', 'cannot be opened'],
  ['SQLITE_IOERR', 'LVG_STORE_UNSUITABLE', 'cannot be read or written'],
]

/** SQLite's own code of an error, `SQLITE_BUSY`, or an empty string. */
export function sqliteCode(error: unknown): string {
  if (!(error instanceof Error)) return ''
  // The library tells this one, SQLite's number 14, in words alone.
  if (/Unable to open connection to local database .*: 14\b/.test(error.message)) return 'SQLITE_CANTOPEN'
  return 'code' in error && typeof error.code === 'string' ? error.code : ''
}

/** Turns an error of the SQLite library into one clear error about `path`; our own errors pass unchanged. */
export function storeError(error: unknown, path: string): unknown {
  if (isLovageError(error)) return error
  const sqlite = sqliteCode(error)
  const known = CODES.find(([prefix]) => sqlite.startsWith(prefix))
  if (!known) return error
  const [, code, sentence] = known
  const details = { path, sqlite, reason: messageOf(error) }
  return new ConnectionError(`${path} ${sentence} (${messageOf(error)})`, { code, details })
}

/** Whether a failure is the file's own and temporary: a lock, a full disk, a thread that died and is started again. */
export const isStoreOutage = (error: unknown): boolean =>
  isLovageError(error) && (error.code.startsWith('LVG_STORE_') || error.code.startsWith('LVG_CONNECTION_'))

/** An error serialised for the thread boundary: structured clone would lose class, code and details. */
export interface WireError {
  readonly name: string
  readonly message: string
  readonly stack?: string
  readonly code?: ErrorCode
  readonly details?: Readonly<Record<string, unknown>>
  readonly hint?: string
}

/** Serialises an error for the other side. */
export function toWire(error: unknown): WireError {
  if (isLovageError(error))
    return {
      name: error.name,
      message: error.message,
      code: error.code,
      details: error.details,
      hint: error.hint,
    }
  if (error instanceof Error) return { name: error.name, message: error.message, stack: error.stack ?? '' }
  return { name: 'Error', message: messageOf(error) }
}

/** Restores the error: a `LovageError` of the same class, or an `Error` with the thread's stack. */
export function fromWire(wire: WireError): Error {
  if (wire.code === undefined) {
    const error = new Error(wire.message)
    error.name = wire.name
    if (wire.stack) error.stack = wire.stack
    return error
  }
  const options = { code: wire.code, details: wire.details ?? {}, ...(wire.hint ? { hint: wire.hint } : {}) }
  if (wire.name === 'ConnectionError') return new ConnectionError(wire.message, options)
  if (wire.name === 'ConfigurationError') return new ConfigurationError(wire.message, options)
  return new LovageError(wire.message, options)
}
