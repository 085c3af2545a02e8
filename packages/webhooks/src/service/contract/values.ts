import { z } from '@hono/zod-openapi'
import type {
  Attempt,
  Delivery,
  Endpoint,
  EndpointSecret,
  NewSecret,
  SentEvent,
  WebhookEvent,
} from '../../domain/index.js'
import type { PublishedKey } from '../../facade/index.js'
import type { Listing } from '../../store/index.js'

/** Values of the interface. The compiler checks each against the type that the library returns. */

const ms = z.number().int().describe('Milliseconds since 1970')
const maybeMs = ms.nullable()
const texts = z.record(z.string(), z.string())

export const STATES = [
  'pending',
  'processing',
  'failed',
  'held',
  'success',
  'exhausted',
  'cancelled',
] as const
export const OUTCOMES = [
  'success',
  'http',
  'dns',
  'connect',
  'tls',
  'timeout',
  'blocked',
  'internal',
] as const
export const SCHEMES = ['v1', 'v1a'] as const

/** A page of a listing. */
const page = <T>(name: string, item: z.ZodType<T>): z.ZodType<Listing<T>> =>
  z
    .object({
      items: z.array(item),
      next: z.string().nullable().describe('`after` of the next page; null on the last'),
    })
    .openapi(name)

export const EndpointValue: z.ZodType<Endpoint> = z
  .object({
    id: z.string(),
    tenant: z.string(),
    url: z.string(),
    description: z.string(),
    eventTypes: z.array(z.string()).describe('Types it receives: order.paid, order.*; empty = all'),
    headers: texts.describe('Sent with each request'),
    metadata: texts.describe('Notes of the tenant'),
    timeoutMs: z.number().int(),
    ratePerMinute: z.number().int().nullable(),
    concurrency: z.number().int().nullable(),
    order: z.enum(['none', 'key']),
    payload: z.enum(['full', 'thin']),
    permanentStatuses: z.array(z.number().int()).describe('Statuses that are not retried'),
    storesWhileDisabled: z.boolean(),
    tls: z.object({ hasClientCertificate: z.boolean(), hasOwnAuthority: z.boolean() }),
    isEnabled: z.boolean(),
    disabledReason: z.enum(['manual', 'gone', 'failing']).nullable(),
    disabledAtMs: maybeMs,
    createdAtMs: ms,
    updatedAtMs: ms,
  })
  .openapi('Endpoint')

const secretFields = {
  id: z.string(),
  endpointId: z.string(),
  scheme: z.enum(SCHEMES),
  publicKey: z.string().nullable().describe('`whpk_…` of v1a'),
  createdAtMs: ms,
  expiresAtMs: maybeMs.describe('When it stops signing; null = it is current'),
}
export const SecretValue: z.ZodType<EndpointSecret> = z.object(secretFields).openapi('Secret')
export const NewSecretValue: z.ZodType<NewSecret> = z
  .object({
    ...secretFields,
    secret: z.string().nullable().describe('`whsec_…`, shown only now; null for v1a'),
  })
  .openapi('NewSecret')
export const SecretsValue = z.object({ items: z.array(SecretValue) }).openapi('Secrets')
export const CreatedEndpointValue = z
  .object({ endpoint: EndpointValue, secrets: z.array(NewSecretValue) })
  .openapi('CreatedEndpoint')

export const EventValue: z.ZodType<WebhookEvent> = z
  .object({
    id: z.string().describe('The `webhook-id` of every attempt'),
    tenant: z.string(),
    type: z.string(),
    orderingKey: z.string().nullable(),
    dedupKey: z.string().nullable(),
    bodyBytes: z.number().int(),
    createdAtMs: ms,
  })
  .openapi('Event')
export const SentEventValue: z.ZodType<SentEvent> = z
  .object({
    event: EventValue,
    deliveryIds: z.array(z.string()),
    isDuplicate: z.boolean().describe('It existed already, by its id or its dedupKey: nothing was added'),
  })
  .openapi('SentEvent')

export const DeliveryValue: z.ZodType<Delivery> = z
  .object({
    id: z.string(),
    tenant: z.string(),
    eventId: z.string(),
    endpointId: z.string(),
    eventType: z.string(),
    state: z.enum(STATES),
    waitsFor: z.enum(['circuit', 'rate', 'concurrency', 'order', 'commit']).nullable(),
    isTest: z.boolean().describe('Of a test event: attempted once, never retried'),
    attempts: z.number().int().describe('Scheduled attempts so far; replays do not count'),
    nextAttemptAtMs: maybeMs,
    lastOutcome: z.enum(OUTCOMES).nullable(),
    lastStatus: z.number().int().nullable(),
    createdAtMs: ms,
    updatedAtMs: ms,
  })
  .openapi('Delivery')

export const AttemptValue: z.ZodType<Attempt> = z
  .object({
    id: z.string(),
    deliveryId: z.string(),
    eventId: z.string(),
    endpointId: z.string(),
    tenant: z.string(),
    number: z.number().int().describe('1 for the first of the schedule; 0 for a replay'),
    trigger: z.enum(['schedule', 'sweep', 'replay', 'test']),
    startedAtMs: ms,
    durationMs: z.number(),
    outcome: z.enum(OUTCOMES),
    status: z.number().int().nullable(),
    error: z.string().nullable(),
    responseHeaders: texts,
    responseBody: z
      .object({
        encoding: z.enum(['utf8', 'base64']),
        text: z.string(),
        isTruncated: z.boolean(),
      })
      .nullable(),
  })
  .openapi('Attempt')

export const KeySetValue = z
  .object({
    keys: z.array(
      z.object({
        kid: z.string(),
        kty: z.literal('OKP'),
        crv: z.literal('Ed25519'),
        use: z.literal('sig'),
        alg: z.literal('EdDSA'),
        x: z.string(),
        whpk: z.string(),
        endpoint: z.string(),
      }) satisfies z.ZodType<PublishedKey>,
    ),
  })
  .openapi('KeySet')

export const EventTypesValue = z
  .object({
    items: z.array(
      z.object({
        name: z.string(),
        schema: z
          .record(z.string(), z.any())
          .nullable()
          .describe('JSON Schema of `data`; null where its library gives none'),
      }),
    ),
  })
  .openapi('EventTypes')

export const EndpointPage = page('EndpointPage', EndpointValue)
export const EventPage = page('EventPage', EventValue)
export const DeliveryPage = page('DeliveryPage', DeliveryValue)
export const AttemptPage = page('AttemptPage', AttemptValue)

export const AcceptedValue = z
  .object({ taskId: z.string().nullable().describe('The task that does it, where there is one') })
  .openapi('Accepted')
export const PortalLinkValue = z.object({ url: z.string(), expiresAtMs: ms }).openapi('PortalLink')
export const HealthValue = z
  .object({ status: z.enum(['ok', 'unavailable']), store: z.enum(['postgres', 'sqlite']).nullable() })
  .openapi('Health')

/** Every error of the interface. */
export const ProblemValue = z
  .object({
    error: z.object({
      code: z.string().describe('LVG_WEBHOOK_…'),
      message: z.string(),
      field: z.string().nullable().describe('The field of the request that is wrong'),
      hint: z.string().describe('What to do about it'),
    }),
  })
  .openapi('Problem')
