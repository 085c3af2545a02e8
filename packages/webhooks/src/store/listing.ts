import { WebhookError } from '../domain/index.js'
import type { Listing } from './webhook-store.js'

const DEFAULT_LIMIT = 50
const MOST = 250

/** The page size. @throws {WebhookError} LVG_WEBHOOK_INVALID. */
export function limitOf(limit: number | undefined): number {
  if (limit === undefined) return DEFAULT_LIMIT
  if (Number.isInteger(limit) && limit >= 1 && limit <= MOST) return limit
  throw new WebhookError(`A page has 1 to ${MOST} items, not ${limit}.`, {
    code: 'LVG_WEBHOOK_INVALID',
    field: 'limit',
  })
}

/** Builds a page from the rows read, which include one extra row if there is a next page. */
export function listingOf<T>(items: readonly T[], limit: number, keyOf: (item: T) => string): Listing<T> {
  const page = items.slice(0, limit)
  const last = page.at(-1)
  return { items: page, next: items.length > limit && last !== undefined ? keyOf(last) : null }
}
