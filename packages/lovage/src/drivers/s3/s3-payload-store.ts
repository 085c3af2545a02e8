import { createHash } from 'node:crypto'
import { AwsClient } from 'aws4fetch'
import { LovageError, messageOf } from '../../kernel/index.js'
import type { Payload, PayloadStore } from '../../payload/index.js'
import { parseS3Url, type S3Credentials, type S3Place } from './s3-url.js'

/** One request, with its answer; a payload is at most `messageMaxBytes`. */
const PATIENCE_MS = 60_000
/** Requests are tried again when the server is busy. */
const RETRIES = 3
const DAY = /^\d{4}-\d\d-\d\d$/

/** What to do about the errors that an operator can mend. */
const HINTS: readonly (readonly [code: RegExp, hint: string])[] = [
  [/^NoSuchBucket$/, 'Create the bucket, or correct its name in largePayloadUrl.'],
  [/^(ExpiredToken|RequestExpired)/, 'Renew the credentials; their clock and this one must agree.'],
  [/^(InvalidAccessKeyId|SignatureDoesNotMatch)$/, 'Correct the access key and its secret.'],
  [/^(PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraint)/, 'Set the bucket’s region: ?region=….'],
  [/^AccessDenied/, 'Grant s3:PutObject and s3:GetObject on the prefix, and s3:ListBucket and s3:DeleteObject, or set ?expiry=lifecycle.'],
] // biome-ignore format: one case a line

/**
 * Opens the bucket that an `s3://` URL names. Payloads of days that are over are listed and removed, unless the bucket has a lifecycle
 * rule (`?expiry=lifecycle`).
 */
export async function openS3PayloadStore(url: string): Promise<PayloadStore> {
  const place = parseS3Url(url)
  const bucket = new Bucket(place)
  const { prefix, location, hasLifecycle } = place
  return {
    location,
    async put(payloads) {
      await Promise.all(payloads.map((payload) => bucket.put(prefix + payload.key, payload)))
    },
    get: (key, maxBytes) => bucket.get(prefix + key, maxBytes),
    async prune(beforeDay) {
      if (hasLifecycle) return
      const days = (await bucket.folders(prefix)).filter((day) => DAY.test(day) && day < beforeDay)
      for (const day of days) await bucket.removeAll(`${prefix}${day}/`)
    },
    close: async () => {},
  }
}

/** The five requests of S3 that we make. */
class Bucket {
  readonly #place: S3Place

  constructor(place: S3Place) {
    this.#place = place
  }

  async put(key: string, { bytes }: Payload): Promise<void> {
    await this.#ask('PUT', key, { body: bytes })
  }

  async get(key: string, maxBytes: number): Promise<Buffer | undefined> {
    if (maxBytes <= 0) return undefined
    // An empty object has no range.
    const answer = await this.#ask('GET', key, { headers: { range: `bytes=0-${maxBytes - 1}` } }, [404, 416])
    if (answer.status === 416) return Buffer.alloc(0)
    return answer.status === 404 ? undefined : answer.bytes
  }

  /** The names of the folders in a folder. */
  async folders(prefix: string): Promise<readonly string[]> {
    const pages = await this.#list(prefix, { delimiter: '/' })
    return pages.flatMap((page) =>
      [...page.matchAll(/<CommonPrefixes>\s*<Prefix>([^<]+)<\/Prefix>/g)].map(([, name = '']) =>
        name.slice(prefix.length).replace(/\/$/, ''),
      ),
    )
  }

  async removeAll(prefix: string): Promise<void> {
    for (const page of await this.#list(prefix, {})) {
      const keys = [...page.matchAll(/<Key>([^<]+)<\/Key>/g)].map(([, key = '']) => key)
      if (keys.length === 0) continue
      const objects = keys.map((key) => `<Object><Key>${key}</Key></Object>`).join('')
      const body = `<?xml version="1.0" encoding="UTF-8"?><Delete><Quiet>true</Quiet>${objects}</Delete>`
      const headers = { 'content-md5': createHash('md5').update(body).digest('base64') }
      const { bytes } = await this.#ask('POST', '', { body, headers, query: 'delete=' })
      const refused = textOf(bytes, 'Code')
      if (refused !== undefined) throw this.#error(refused, textOf(bytes, 'Message') ?? '')
    }
  }

  /** Pages of at most 1,000 entries. */
  async #list(prefix: string, more: Readonly<Record<string, string>>): Promise<readonly string[]> {
    const pages: string[] = []
    let next: string | undefined
    do {
      const query = new URLSearchParams({ 'list-type': '2', prefix, ...more })
      if (next !== undefined) query.set('continuation-token', next)
      const { bytes } = await this.#ask('GET', '', { query: query.toString() })
      pages.push(bytes.toString('utf8'))
      next = textOf(bytes, 'NextContinuationToken')
    } while (next !== undefined)
    return pages
  }

  async #ask(
    method: string,
    key: string,
    {
      query,
      body,
      headers = {},
    }: { query?: string; body?: Buffer | string; headers?: Record<string, string> },
    allowed: readonly number[] = [],
  ): Promise<{ readonly status: number; readonly bytes: Buffer }> {
    const client = new AwsClient({
      ...(await this.#credentials()),
      service: 's3',
      region: this.#place.region,
      retries: RETRIES,
    })
    const url = `${this.#place.bucketUrl}/${key}${query === undefined ? '' : `?${query}`}`
    let status: number
    let bytes: Buffer
    try {
      const signal = AbortSignal.timeout(PATIENCE_MS)
      const answer = await client.fetch(url, {
        method,
        headers,
        signal,
        ...(body === undefined ? {} : { body }),
      })
      status = answer.status
      bytes = Buffer.from(await answer.arrayBuffer())
    } catch (cause) {
      const inner = cause instanceof Error && cause.cause instanceof Error ? `: ${cause.cause.message}` : ''
      throw this.#error('', `${messageOf(cause)}${inner}`, cause)
    }
    const code = status < 300 ? undefined : (textOf(bytes, 'Code') ?? '')
    // A bucket that is missing is no payload that is.
    if (code === undefined || (allowed.includes(status) && code !== 'NoSuchBucket')) return { status, bytes }
    throw this.#error(code, textOf(bytes, 'Message') ?? `it answered ${status}`)
  }

  async #credentials(): Promise<S3Credentials> {
    if (this.#place.credentials) return this.#place.credentials
    try {
      return await providedCredentials()
    } catch (cause) {
      throw this.#error(
        '',
        `there are no AWS credentials: ${messageOf(cause).split('\n')[0]}`,
        cause,
        NO_CREDENTIALS,
      )
    }
  }

  #error(code: string, said: string, cause?: unknown, hint?: string): LovageError {
    const advice = hint ?? HINTS.find(([pattern]) => pattern.test(code))?.[1]
    return new LovageError(
      `The store of large payloads, ${this.#place.location}, cannot be used: ${code === '' ? '' : `${code}: `}${said}`,
      {
        code: 'LVG_PAYLOAD_STORE_FAILED',
        details: { location: this.#place.location, code },
        ...(advice === undefined ? {} : { hint: advice }),
        ...(cause === undefined ? {} : { cause }),
      },
    )
  }
}

const NO_CREDENTIALS =
  'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, write them into the URL (s3://key:secret@bucket), or install @aws-sdk/credential-provider-node for profiles and roles.'

let provider: Promise<() => Promise<S3Credentials>> | undefined

/** Profiles, roles, containers and instances: what the SDK's own chain finds, and renews. */
async function providedCredentials(): Promise<S3Credentials> {
  provider ??= import('@aws-sdk/credential-provider-node').then(({ defaultProvider }) => defaultProvider())
  return (await provider)()
}

/** The text of an element in an answer, none of whose texts are of strangers. */
const textOf = (xml: Buffer, element: string): string | undefined =>
  new RegExp(`<${element}>([^<]*)</${element}>`).exec(xml.toString('utf8'))?.[1]
