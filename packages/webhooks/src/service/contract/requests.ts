import { z } from '@hono/zod-openapi'
import type { EndpointChanges, NewEndpoint } from '../../domain/index.js'
import { OUTCOMES, SCHEMES, STATES } from './values.js'

/** Input of the interface: bodies, paths, queries and headers. The library checks values again, and names the field. */

const texts = z.record(z.string(), z.string())
const changeable = {
  url: z.string().max(2048).exactOptional(),
  description: z.string().max(1000).exactOptional(),
  eventTypes: z.array(z.string().max(128)).max(500).exactOptional(),
  headers: texts.exactOptional(),
  metadata: texts.exactOptional(),
  timeoutMs: z.number().int().exactOptional(),
  ratePerMinute: z.number().int().nullable().exactOptional(),
  concurrency: z.number().int().nullable().exactOptional(),
  order: z.enum(['none', 'key']).exactOptional(),
  payload: z.enum(['full', 'thin']).exactOptional(),
  permanentStatuses: z.array(z.number().int()).max(500).exactOptional(),
  storesWhileDisabled: z.boolean().exactOptional(),
  tls: z
    .strictObject({
      certificate: z.string().exactOptional(),
      key: z.string().exactOptional(),
      authority: z.string().exactOptional(),
    })
    .nullable()
    .exactOptional(),
  isEnabled: z.boolean().exactOptional(),
}

export const NewEndpointBody: z.ZodType<Omit<NewEndpoint, 'tenant'>> = z
  .strictObject({
    ...changeable,
    url: z.string().max(2048),
    id: z.string().exactOptional().describe('`ep_…`; made when absent'),
    signing: z.array(z.enum(SCHEMES)).exactOptional().describe('Default ["v1"]'),
    secrets: z
      .array(z.string().max(200))
      .max(5)
      .exactOptional()
      .describe('Secrets that its receiver has already: whsec_…, whsk_…; they sign instead of new ones'),
  })
  .openapi('NewEndpoint')
export const EndpointChangesBody: z.ZodType<EndpointChanges> = z
  .strictObject(changeable)
  .openapi('EndpointChanges')
export const RotateBody = z
  .strictObject({
    scheme: z.enum(SCHEMES).exactOptional(),
    overlapMs: z
      .number()
      .int()
      .exactOptional()
      .describe('The old secret signs on for so long; default a day'),
  })
  .openapi('RotateSecret')
export const TestBody = z
  .strictObject({ type: z.string().exactOptional(), data: z.unknown().exactOptional() })
  .openapi('TestEvent')

export const NewEventBody = z
  .strictObject({
    type: z.string().max(128).describe('order.paid'),
    data: z.unknown(),
    id: z.string().exactOptional().describe('Letters, digits, _ and -; made when absent'),
    timestamp: z.iso.datetime({ offset: true }).exactOptional().describe('Default now'),
    orderingKey: z.string().exactOptional(),
    dedupKey: z.string().exactOptional().describe('A second event with this key is a duplicate of the first'),
    endpointId: z.string().exactOptional().describe('Only to this endpoint'),
  })
  .openapi('NewEvent')
export const ReplayBody = z
  .strictObject({
    endpointId: z.string(),
    sinceMs: z.number().int(),
    untilMs: z.number().int().exactOptional(),
    states: z.array(z.enum(STATES)).exactOptional().describe('Default ["exhausted", "cancelled", "failed"]'),
  })
  .openapi('ReplayQuery')
export const PortalLinkBody = z
  .strictObject({
    ttlMs: z
      .number()
      .int()
      .min(60_000)
      .max(86_400_000)
      .exactOptional()
      .describe('The link opens the portal for so long; default 900,000'),
  })
  .openapi('NewPortalLink')

export const IdPath = z.object({ id: z.string().min(1).max(200) })

const whole = (text: string): z.ZodType<number> =>
  z.coerce.number().int().min(0).describe(text).openapi({ type: 'integer' })
const paging = {
  limit: z.coerce.number().int().min(1).max(250).exactOptional().openapi({ type: 'integer' }),
  after: z.string().max(200).exactOptional().describe('`next` of the page before'),
}
const period = {
  sinceMs: whole('From this time on, in ms since 1970').exactOptional(),
  untilMs: whole('Before this time').exactOptional(),
}
/** Several values: `?state=failed&state=held`. */
const several = <T extends z.ZodType>(one: T) =>
  z.preprocess((given) => (Array.isArray(given) ? given : [given]), z.array(one).max(20))

export const EndpointsQuery = z.strictObject({
  ...paging,
  isEnabled: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .exactOptional(),
})
export const EventsQuery = z.strictObject({
  ...paging,
  ...period,
  type: several(z.string().max(128)).exactOptional(),
})
export const DeliveriesQuery = z.strictObject({
  ...paging,
  ...period,
  endpointId: z.string().exactOptional(),
  eventId: z.string().exactOptional(),
  state: several(z.enum(STATES)).exactOptional(),
})
export const AttemptsQuery = z.strictObject({
  ...paging,
  deliveryId: z.string().exactOptional(),
  eventId: z.string().exactOptional(),
  endpointId: z.string().exactOptional(),
  outcome: several(z.enum(OUTCOMES)).exactOptional(),
})
