import { together } from 'lovage'
import type { Webhooks } from '../facade/index.js'
import type { EnrichmentOptions } from './enrichment-options.js'

/** A source's result, or its failure. */
export type Found<Value> = { readonly value: Value | null } | { readonly error: string }

/** A result, and whether it came from the cache. */
export interface Loaded<Value> {
  readonly found: Found<Value>
  readonly cache: 'hit' | 'miss' | 'none'
}

type LoadOptions<Data, Value> = Pick<
  EnrichmentOptions<Data, Value>,
  'name' | 'load' | 'key' | 'timeoutMs' | 'ttlS' | 'errorTtlS'
>

/** Queries a source through a cache in the store; concurrent callers with the same key in this process share one request. Never rejects. */
export function cachedLoad<Data, Value>(
  hooks: Webhooks<never>,
  { name, load, key, timeoutMs = 3_000, ttlS = 3_600, errorTtlS = 60 }: LoadOptions<Data, Value>,
): (data: Data, signal?: AbortSignal) => Promise<Loaded<Value>> {
  const { app } = hooks
  const kind = `enrichment:${name}`
  const underWay = new Map<string, Promise<Loaded<Value>>>()

  // Lookups of one turn of the event loop are one query.
  const kept = together(async (places: readonly string[]) => {
    const { documents } = await hooks.store()
    const found = await documents.getMany(kind, places, app.clock.now())
    const byPlace = new Map(found.map(({ key, value }) => [key, value]))
    // Only this type is written under this kind.
    return places.map((place) => byPlace.get(place) as Found<Value> | undefined)
  })

  const ask = async (data: Data, signal: AbortSignal | undefined): Promise<Found<Value>> => {
    const limit = new AbortController()
    const onAbort = (): void => limit.abort(signal?.reason)
    if (signal?.aborted) onAbort()
    signal?.addEventListener('abort', onAbort, { once: true })
    const timer = setTimeout(
      () => limit.abort(new Error(`The source has not answered within ${timeoutMs} ms.`)),
      timeoutMs,
    )
    try {
      return { value: await before(limit.signal, load(data, limit.signal)) }
    } catch (error) {
      app.logger.warn({ err: error, enrichment: name }, 'an enrichment failed: the event is sent unchanged')
      return { error: error instanceof Error ? error.message : String(error) }
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  const through = async (place: string, data: Data): Promise<Loaded<Value>> => {
    const nowMs = app.clock.now()
    try {
      const known = await kept(place)
      if (known) return { found: known, cache: 'hit' }
    } catch (error) {
      app.logger.warn({ err: error, enrichment: name }, 'the cache of an enrichment could not be read')
    }
    // Others may wait for it, and an error is kept: the first caller’s signal ends it for none of them.
    const found = await ask(data, undefined)
    const expiresAtMs = nowMs + 1000 * ('error' in found ? errorTtlS : ttlS)
    try {
      await (await hooks.store()).documents.put({ kind, key: place, value: found, expiresAtMs }, { nowMs })
    } catch (error) {
      app.logger.warn({ err: error, enrichment: name }, 'the cache of an enrichment could not be written')
    }
    return { found, cache: 'miss' }
  }

  return async (data, signal) => {
    if (!key) return { found: await ask(data, signal), cache: 'none' }
    const place = key(data)
    let answer = underWay.get(place)
    if (!answer) {
      answer = through(place, data).finally(() => underWay.delete(place))
      underWay.set(place, answer)
    }
    return answer
  }
}

/** The value, unless the signal is aborted first: a source may ignore the signal. */
function before<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
