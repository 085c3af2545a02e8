import { createHash } from 'node:crypto'
import { firstIdAt, type IdPrefix, newId } from '../domain/index.js'
import { internalsOf, type Webhooks } from '../facade/index.js'
import { RefusedRequest } from './refused-request.js'

/**
 * One change that a request asks for. With an Idempotency-Key its ids and its time are those of the first request with the key, so that a
 * request that is repeated after a crash finds what the first one wrote instead of writing it again.
 */
export interface Operation {
  readonly atMs: number
  readonly id: (prefix: IdPrefix) => string
  /** Whether an earlier request with this key may have done it, or a part of it. */
  readonly isAgain: boolean
  /** For the broker: a key under which tasks count once; undefined without an Idempotency-Key. */
  readonly once: { readonly once: string } | Record<string, never>
}

/** An answer as it is kept. */
export interface KeptAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

interface Kept {
  readonly fingerprint: string
  /** The request that began it. */
  readonly requestId: string
  readonly atMs: number
  /** The request that is at work on it, and until when it is believed to be. */
  readonly leaseUntilMs: number
  /** Encrypted, as it may show a secret; null while it is under way. */
  readonly answer: string | null
}

const KIND = 'idempotency'
const TTL_MS = 43_200_000
const MOST = 255

/** A request as idempotency sees it. */
export interface KeyedRequest {
  readonly tenant: string
  readonly key: string
  readonly requestId: string
  readonly method: string
  readonly path: string
  readonly body: string
  /** After so long without an answer its process is taken to be dead. */
  readonly leaseMs: number
}

/** What becomes of a request with a key. */
export type Begun =
  | {
      readonly kind: 'work'
      readonly operation: Operation
      keep(answer: KeptAnswer): Promise<void>
      /** The request was refused: its key is free again. */
      drop(): Promise<void>
      /** It failed midway: the same request may be repeated at once. */
      fail(): Promise<void>
    }
  | { readonly kind: 'answered'; readonly answer: KeptAnswer }

/** An operation without a key. */
export const freshOperation = (nowMs: number): Operation => ({
  atMs: nowMs,
  id: (prefix) => newId(prefix, nowMs),
  isAgain: false,
  once: {},
})

/**
 * Begins a request with an Idempotency-Key: it is to be worked on, or was answered before.
 * @throws {RefusedRequest} LVG_WEBHOOK_IDEMPOTENCY for a key of another request, or one that is being answered.
 */
export async function beginKeyed(hooks: Webhooks, request: KeyedRequest): Promise<Begun> {
  const { tenant, key, requestId, leaseMs } = request
  if (key.length === 0 || key.length > MOST || !/^[\x21-\x7e]+$/.test(key))
    throw new RefusedRequest(`An Idempotency-Key has 1 to ${MOST} visible ASCII characters.`, {
      code: 'LVG_WEBHOOK_INVALID',
      field: 'idempotency-key',
    })
  const { documents } = await hooks.store()
  const nowMs = hooks.app.clock.now()
  const place = hash(tenant, key)
  const vault = internalsOf(hooks).vault()
  const fingerprint = hash(request.method, request.path, request.body)
  const mine: Kept = { fingerprint, requestId, atMs: nowMs, leaseUntilMs: nowMs + leaseMs, answer: null }
  const write = (value: Kept, ifAbsent = false) =>
    documents.put({ kind: KIND, key: place, value, expiresAtMs: value.atMs + TTL_MS }, { ifAbsent, nowMs })
  // Only this file writes documents of this kind.
  const first = (await write(mine, true)).value as Kept
  if (first.fingerprint !== fingerprint)
    throw new RefusedRequest(
      'This Idempotency-Key belongs to another request: its path or body was another.',
      {
        code: 'LVG_WEBHOOK_IDEMPOTENCY',
        field: 'idempotency-key',
      },
    )
  if (first.answer !== null) {
    const text = vault.open(Buffer.from(first.answer, 'base64'), `${KIND} ${place}`)
    return { kind: 'answered', answer: JSON.parse(text) as KeptAnswer }
  }
  const isAgain = first.requestId !== requestId
  if (isAgain && first.leaseUntilMs > nowMs)
    throw new RefusedRequest('A request with this Idempotency-Key is being answered.', {
      code: 'LVG_WEBHOOK_IDEMPOTENCY',
      field: 'idempotency-key',
      status: 409,
      hint: 'Repeat it after the seconds in `retry-after`: it gets the same answer.',
      headers: { 'retry-after': String(Math.ceil((first.leaseUntilMs - nowMs) / 1000)) },
    })
  // Its process died. Two may take it over at once: ids and time are the first request's, so both do the same.
  if (isAgain) await write({ ...first, leaseUntilMs: nowMs + leaseMs })
  return {
    kind: 'work',
    operation: {
      atMs: first.atMs,
      id: (prefix) => derivedId(prefix, place, first),
      isAgain,
      once: { once: place },
    },
    async keep(answer) {
      const sealed = vault.seal(JSON.stringify(answer), `${KIND} ${place}`)
      await write({ ...first, answer: Buffer.from(sealed).toString('base64') })
    },
    drop: async () => void (await documents.delete(KIND, place)),
    fail: async () => void (await write({ ...first, leaseUntilMs: 0 })),
  }
}

/** An id that sorts by the time of the first request, and is the same whenever it is derived. */
function derivedId(prefix: IdPrefix, place: string, { atMs, requestId }: Kept): string {
  const digest = createHash('sha256').update(`${prefix} ${place} ${requestId}`).digest('hex').toUpperCase()
  return `${firstIdAt(prefix, atMs)}${digest.slice(0, 16)}`
}

const hash = (...parts: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('base64url')
