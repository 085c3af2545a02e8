import { z } from '@hono/zod-openapi'
import type { WebhookDeliveryPage, WebhookPage, WebhooksPage } from '../data/webhooks-pages.js'
import { ms, number, text } from './schemas-of-tasks.js'

const Line = z.object({
  id: z.string(),
  url: z.string(),
  description: z.string(),
  eventTypes: z.array(z.string()),
  state: z.enum(['failing', 'disabled', 'working', 'idle']),
  disabledReason: text,
  failed: z.number(),
  attempts: z.number(),
  unfinished: z.number(),
  lost: z.number(),
  lastAttemptMs: ms,
  lastError: text,
})

export const WebhooksData: z.ZodType<WebhooksPage> = z.object({
  isWatched: z.boolean(),
  trouble: text,
  tenant: z.string(),
  items: z.array(Line),
  isWhole: z.boolean(),
})

const Delivery = z.object({
  id: z.string(),
  eventId: z.string(),
  endpointId: z.string(),
  eventType: z.string(),
  state: z.string(),
  waitsFor: text,
  attempts: z.number(),
  nextAttemptAtMs: ms,
  lastOutcome: text,
  lastStatus: number,
  createdAtMs: z.number(),
  updatedAtMs: z.number(),
})

export const WebhookData: z.ZodType<WebhookPage> = z.object({
  tenant: z.string(),
  line: Line,
  endpoint: z.object({
    id: z.string(),
    url: z.string(),
    description: z.string(),
    eventTypes: z.array(z.string()),
    timeoutMs: z.number(),
    ratePerMinute: number,
    concurrency: number,
    order: z.string(),
    isEnabled: z.boolean(),
    disabledReason: text,
    disabledAtMs: ms,
  }),
  state: text,
  deliveries: z.array(Delivery),
  next: text,
})

export const WebhookDeliveryData: z.ZodType<WebhookDeliveryPage> = z.object({
  tenant: z.string(),
  delivery: Delivery,
  url: text,
  attempts: z.array(
    z.object({
      id: z.string(),
      deliveryId: z.string(),
      number: z.number(),
      trigger: z.string(),
      startedAtMs: z.number(),
      durationMs: z.number(),
      outcome: z.string(),
      status: number,
      error: text,
      responseBody: z.object({ encoding: z.string(), text: z.string(), isTruncated: z.boolean() }).nullable(),
    }),
  ),
  isWhole: z.boolean(),
})
