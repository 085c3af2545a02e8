import { X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { vetUrl } from '../address/index.js'
import {
  type ClientTls,
  type Endpoint,
  type EndpointChanges,
  type NewEndpoint,
  WebhookError,
} from '../domain/index.js'
import type { WebhookSettings } from './options.js'

/** The endpoint settings that callers supply. */
export type EndpointFields = Omit<
  Endpoint,
  'id' | 'tenant' | 'isEnabled' | 'disabledReason' | 'disabledAtMs' | 'createdAtMs' | 'updatedAtMs' | 'tls'
>

const DEFAULTS: Omit<EndpointFields, 'url'> = {
  description: '',
  eventTypes: [],
  headers: {},
  metadata: {},
  timeoutMs: 30_000,
  ratePerMinute: 100,
  concurrency: 10,
  order: 'none',
  payload: 'full',
  permanentStatuses: [],
  storesWhileDisabled: true,
}
const KNOWN: ReadonlySet<string> = new Set([
  ...Object.keys(DEFAULTS),
  ...['url', 'tenant', 'id', 'tls', 'isEnabled', 'signing', 'secrets'],
])
/** HTTP's own headers, and the signature headers. */
const FORBIDDEN_HEADER =
  /^(connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|host|content-length|content-type|content-encoding|expect|webhook-.*)$/
const HEADERS_MAX_BYTES = 4096
const MAX_TIMEOUT_MS = 200_000
const NAME = /^[\w.:@-]{1,100}$/
export const TYPE = /^[\w-]+(\.[\w-]+)*$/
const PATTERN = /^[\w-]+(\.[\w-]+)*(\.\*)?$/

/**
 * Validates a caller's input for a new endpoint and fills in defaults. @throws {WebhookError} LVG_WEBHOOK_INVALID,
 * LVG_WEBHOOK_BLOCKED_URL.
 */
export function readNewEndpoint(input: NewEndpoint, settings: WebhookSettings): EndpointFields {
  checkNames(input)
  if (input.tenant !== undefined)
    check('tenant', NAME.test(input.tenant), 'of letters, digits and . _ : @ -, at most 100')
  if (input.id !== undefined)
    check('id', /^ep_[\w-]{1,60}$/.test(input.id), 'ep_ and then at most 60 letters and digits')
  check(
    'secrets',
    input.secrets === undefined ||
      (listOf(input.secrets, (each) => typeof each === 'string') &&
        input.secrets.length >= 1 &&
        input.secrets.length <= 5 &&
        input.signing === undefined),
    '1 to 5 texts, and no signing beside them',
  )
  check('url', typeof input.url === 'string', 'text')
  return readFields({ ...DEFAULTS, url: input.url }, input, settings)
}

/** Validates changes to an endpoint; returns the resulting fields. */
export function readChanges(
  before: EndpointFields,
  changes: EndpointChanges,
  settings: WebhookSettings,
): EndpointFields {
  checkNames(changes)
  return readFields(before, changes, settings)
}

function readFields(
  before: EndpointFields,
  input: EndpointChanges,
  settings: WebhookSettings,
): EndpointFields {
  const given = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined))
  const { tls, isEnabled, ...named } = { ...before, ...given } as EndpointFields & EndpointChanges
  const { id, tenant, signing, secrets, ...fields } = named as EndpointFields & Partial<NewEndpoint>
  const { timeoutMs, ratePerMinute, concurrency, headers } = fields
  vetUrl(fields.url, settings.address)
  check(
    'description',
    typeof fields.description === 'string' && fields.description.length <= 1000,
    'text of at most 1000 characters',
  )
  check(
    'eventTypes',
    listOf(fields.eventTypes, (each) => typeof each === 'string' && each.length <= 128 && PATTERN.test(each)),
    'a list of types: order.paid, order.*',
  )
  check(
    'metadata',
    recordOf(fields.metadata, (value) => value.length <= 500) && Object.keys(fields.metadata).length <= 50,
    'at most 50 texts',
  )
  const { minTimeoutMs } = settings
  check(
    'timeoutMs',
    isWhole(timeoutMs, minTimeoutMs, MAX_TIMEOUT_MS),
    `a whole number from ${minTimeoutMs} to ${MAX_TIMEOUT_MS}`,
  )
  check(
    'ratePerMinute',
    ratePerMinute === null || isWhole(ratePerMinute, 1, 1_000_000),
    'a whole number from 1, or null',
  )
  check(
    'concurrency',
    concurrency === null || isWhole(concurrency, 1, 10_000),
    'a whole number from 1, or null',
  )
  check('order', ['none', 'key'].includes(fields.order), 'none or key')
  check('payload', ['full', 'thin'].includes(fields.payload), 'full or thin')
  check(
    'permanentStatuses',
    listOf(fields.permanentStatuses, (each) => isWhole(each, 300, 599)),
    'a list of statuses from 300 to 599',
  )
  check('storesWhileDisabled', typeof fields.storesWhileDisabled === 'boolean', 'true or false')
  return { ...fields, headers: readHeaders(headers) }
}

/** Validates a TLS identity by loading it. */
export function readTls(tls: ClientTls): ClientTls {
  const { certificate: cert, key, authority: ca, ...others } = tls
  const [stranger] = Object.keys(others)
  if (stranger !== undefined) throw invalid(`tls.${stranger}`, 'no such field')
  if ((cert === undefined) !== (key === undefined))
    throw invalid('tls', 'complete: certificate and key, or neither')
  try {
    // Node's TLS takes any text as an authority, and trusts nothing for it: each certificate is read by itself.
    if (ca !== undefined) for (const certificate of certificatesIn(ca)) new X509Certificate(certificate)
    createSecureContext({ ...(cert && key ? { cert, key } : {}), ...(ca ? { ca } : {}) })
  } catch (cause) {
    throw invalid(
      'tls',
      `PEM texts that belong together (${cause instanceof Error ? cause.message : cause})`,
      cause,
    )
  }
  return tls
}

function certificatesIn(pem: string): readonly string[] {
  const found = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)
  if (!found) throw new TypeError('the authority has no certificate')
  return found
}

function readHeaders(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  check(
    'headers',
    recordOf(headers, () => true),
    'an object of names and text values',
  )
  const lower: Record<string, string> = {}
  let bytes = 0
  for (const [name, value] of Object.entries(headers)) {
    const key = name.toLowerCase()
    check(`headers.${name}`, /^[!#$%&'*+.^_`|~\da-z-]+$/.test(key), 'a valid HTTP header name')
    check(
      `headers.${name}`,
      !FORBIDDEN_HEADER.test(key),
      'none of HTTP’s own headers, and none that begins with webhook-',
    )
    // Other bytes would form another header, or an invalid one.
    check(`headers.${name}`, /^[\t\x20-\x7e\x80-\xff]*$/.test(value), 'a Latin-1 value without line breaks')
    lower[key] = value
    bytes += key.length + value.length
  }
  check('headers', bytes <= HEADERS_MAX_BYTES, `at most ${HEADERS_MAX_BYTES} bytes together`)
  return lower
}

function checkNames(input: object): void {
  if (typeof input !== 'object' || input === null) throw invalid('endpoint', 'an object')
  for (const name of Object.keys(input)) if (!KNOWN.has(name)) throw invalid(name, 'no such field')
}

const isWhole = (value: unknown, least: number, most: number): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
const listOf = (value: unknown, isRight: (item: unknown) => boolean): boolean =>
  Array.isArray(value) && value.length <= 500 && value.every(isRight)
const recordOf = (value: unknown, isRight: (text: string) => boolean): boolean =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.values(value).every((each) => typeof each === 'string' && isRight(each))

function check(field: string, isRight: boolean, wanted: string): void {
  if (!isRight) throw invalid(field, wanted)
}

const invalid = (field: string, wanted: string, cause?: unknown): WebhookError =>
  new WebhookError(
    wanted === 'no such field'
      ? `An endpoint has no field ${field}.`
      : `The field ${field} of an endpoint is invalid; it must be ${wanted}.`,
    { code: 'LVG_WEBHOOK_INVALID', field, cause },
  )
