import type { Mark } from '../../coordination/index.js'
import { growingMs } from '../../kernel/index.js'
import { encodeJson, isPlainValue } from '../../message/index.js'
import type { AppCore } from '../core/index.js'
import type { RevokeOptions } from '../results/index.js'
import { whereAgreed } from './where-agreed.js'

/**
 * The space of revoked task ids; a mark's value is `RevokeOptions` as JSON, with its time: an id that is reused later starts
 * a new life.
 */
export const REVOKED = 'revoked'
/** The space of revoked stamps, `header=value`. */
export const REVOKED_STAMPS = 'revoked-stamps'

/** An app, as far as revoking is concerned; a worker's own marks may stand in for the cluster's. */
export type Revoking = Pick<AppCore, 'clock' | 'conf' | 'hasResults' | 'coordination' | 'results'> & {
  /** Whether this process runs the task. */
  readonly isRunning?: (id: string) => boolean
}

/** States of tasks that no worker runs yet, or right now. */
const WAITING_STATES: ReadonlySet<string> = new Set(['PENDING', 'RECEIVED', 'RETRY'])

/** Revokes tasks by id: stored where every worker looks, including workers that start later. */
export async function revoke(
  core: Revoking,
  ids: readonly string[],
  options: RevokeOptions,
  atMs = growingMs(core.clock),
): Promise<void> {
  if (ids.length === 0) return
  await whereAgreed(() => mark(core, REVOKED, ids, options, atMs))
  if (core.hasResults) await storeRevoked(core, ids)
}

/** Keeps ids that another worker knows as revoked: nothing is stored as their results, which is the business of the one that revoked them. */
export async function rememberRevoked(
  core: Pick<AppCore, 'clock' | 'conf' | 'coordination'>,
  ids: readonly string[],
  atMs: number,
): Promise<void> {
  await whereAgreed(() => mark(core, REVOKED, ids, {}, atMs))
}

/** Revokes all tasks that carry one of the stamps. */
export async function revokeByStamps(
  core: Revoking,
  stamps: Readonly<Record<string, unknown>>,
  options: RevokeOptions,
): Promise<void> {
  const keys = Object.entries(stamps).flatMap(([header, values]) =>
    [values].flat().map((value) => stampKey(header, value)),
  )
  if (keys.length > 0) await whereAgreed(() => mark(core, REVOKED_STAMPS, keys, options, core.clock.now()))
}

/** The key of a stamp in the space of revoked stamps. */
export const stampKey = (header: string, value: unknown): string => `${header}=${stampText(value)}`

/** Returns the same text for equal values, of any type: a worker calls it for stamps from untrusted messages. */
function stampText(value: unknown): string {
  return typeof value === 'string' ? value : encodeJson(sorted(value), 'stamps')
}

/** Fields in a fixed order: Python's dictionaries are equal in any order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isPlainValue(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  )
}

async function mark(
  core: Pick<AppCore, 'clock' | 'conf' | 'coordination'>,
  space: string,
  keys: readonly string[],
  { terminate = false, signal }: RevokeOptions,
  atMs: number,
): Promise<void> {
  const value = JSON.stringify({ terminate, ...(signal ? { signal } : {}), at_ms: atMs })
  const expiresMs = core.clock.now() + core.conf.workerRevokeExpires * 1000
  await (await core.coordination()).put(
    space,
    keys.map((key): Mark => ({ key, value, expiresMs })),
  )
}

/**
 * Waiting callers are notified at once. Ended tasks keep their state, and so do running ones: their worker ends them as revoked where it is
 * told to terminate them, and otherwise they still succeed or fail.
 */
async function storeRevoked(core: Revoking, ids: readonly string[]): Promise<void> {
  const backend = await core.results()
  const states = new Map((await backend.get(ids)).map(({ id, state }) => [id, state]))
  const waiting = ids.filter(
    (id) => WAITING_STATES.has(states.get(id) ?? 'PENDING') && core.isRunning?.(id) !== true,
  )
  const result = { exc_type: 'TaskRevokedError', exc_message: ['revoked'], exc_module: 'celery.exceptions' }
  const dateDone = new Date(core.clock.now()).toISOString()
  await backend.store(
    waiting.map((id) => ({
      id,
      state: 'REVOKED',
      result,
      resultJson: encodeJson(result),
      traceback: null,
      children: [],
      dateDone,
    })),
  )
}
