import { setTimeout as sleep } from 'node:timers/promises'
import type { AppCore } from '../app/core/index.js'
import { getScale, policyFrom } from '../health/index.js'
import { isLovageError, messageOf } from '../kernel/index.js'
import { jsonAnswer, type PageAnswer } from './page-server.js'

/** Less than the 3 s after which KEDA gives up. */
const PATIENCE_MS = 2500
const PREFIX = '/scale/'

/** Whether a path asks for a queue's load. */
export const isScalePath = (path: string): boolean => path.startsWith(PREFIX)

/**
 * Answers `/scale/<queue>` and `/scale/<queue>,<queue>`, with the policy in the query: 200 with the load and the replicas for it; 503 when that is unknown, so that an
 * autoscaler changes nothing; 404 for a queue that does not exist; 400 for an impossible policy.
 *
 * @param slots The default of `slots` in the query; undefined = it must be given.
 */
export async function scalePage(
  app: AppCore,
  path: string,
  query: URLSearchParams,
  slots?: number,
): Promise<PageAnswer> {
  const patience = new AbortController()
  const late = sleep(PATIENCE_MS, undefined, { signal: patience.signal }).then(() =>
    jsonAnswer(503, { error: `unknown: there was no answer within ${PATIENCE_MS} ms` }),
  )
  // Cancelled when not needed.
  late.catch(() => {})
  try {
    return await Promise.race([scaleOf(app, path, query, slots), late])
  } finally {
    patience.abort()
  }
}

async function scaleOf(
  app: AppCore,
  path: string,
  query: URLSearchParams,
  slots: number | undefined,
): Promise<PageAnswer> {
  try {
    // Names are separated by commas, as in -Q.
    const queues = [...new Set(path.slice(PREFIX.length).split(',').map(decodeURIComponent))]
    return jsonAnswer(200, await getScale(app, queues, policyFrom(query, slots)))
  } catch (error) {
    const code = isLovageError(error) ? error.code : undefined
    const isMalformed = error instanceof URIError || code === 'LVG_CONFIG_INVALID'
    const status = isMalformed ? 400 : code === 'LVG_USAGE' ? 404 : 503
    return jsonAnswer(status, { error: status === 503 ? `unknown: ${messageOf(error)}` : messageOf(error) })
  }
}
