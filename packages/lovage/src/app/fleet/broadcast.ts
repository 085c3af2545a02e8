import {
  type ControlRequest,
  decodeControlReply,
  encodeControlRequest,
  REPLY_EXCHANGE,
} from '../../envelope/index.js'
import { delay, newId, stayAlive } from '../../kernel/index.js'
import type { AppCore } from '../core/index.js'
import { formatOf } from '../sending/index.js'

/** A command's recipients, and how to wait for replies. */
export interface BroadcastOptions {
  /** Nodes by name (`celery@host`); default all. */
  readonly destination?: string | readonly string[]
  /** Nodes whose name matches; used when no destination is given. */
  readonly pattern?: string
  /** How `pattern` is interpreted. Default 'glob'. */
  readonly matcher?: 'glob' | 'pcre'
  /** Seconds to wait for replies. Default 1. */
  readonly timeout?: number
  /** Number of replies after which waiting ends. Default: the number of destinations. */
  readonly limit?: number
}

/** Each node's reply, by its name. */
export type Answers<Answer> = Readonly<Record<string, Answer>>

/** Queries workers in any language, and collects the replies that arrive in time. */
export async function ask(
  core: AppCore,
  method: string,
  args: Readonly<Record<string, unknown>>,
  options: BroadcastOptions = {},
): Promise<Answers<unknown>> {
  const { timeout = 1 } = options
  const destination = destinationOf(options)
  const limit = options.limit ?? destination?.length
  const broker = await core.broker()
  const [ticket, routingKey] = [newId(), newId()]
  const answers: Record<string, unknown> = {}
  const enough = new AbortController()
  const end = await broker.inbox(REPLY_EXCHANGE, routingKey, (message) => {
    const reply = decodeControlReply(message, formatOf(core.conf))
    if (reply instanceof Error || reply.ticket !== ticket) return
    core.logicalClock.adjust(message.headers.clock)
    Object.assign(answers, reply.answers)
    if (limit !== undefined && Object.keys(answers).length >= limit) enough.abort()
  })
  try {
    await send(core, method, args, options, { ticket, replyTo: { exchange: REPLY_EXCHANGE, routingKey } })
    await stayAlive(delay(core.clock, timeout * 1000, enough.signal)).catch(() => {
      // All have replied.
    })
  } finally {
    end()
  }
  return Object.fromEntries(Object.entries(answers).sort(([left], [right]) => (left < right ? -1 : 1)))
}

/** Sends a command to workers, and waits for no reply. */
export async function tell(
  core: AppCore,
  method: string,
  args: Readonly<Record<string, unknown>>,
  options: BroadcastOptions = {},
): Promise<void> {
  await send(core, method, args, options, { ticket: null, replyTo: null })
}

async function send(
  core: AppCore,
  method: string,
  args: Readonly<Record<string, unknown>>,
  options: BroadcastOptions,
  reply: Pick<ControlRequest, 'ticket' | 'replyTo'>,
): Promise<void> {
  const { pattern = null, matcher = 'glob', timeout = 1 } = options
  const request = {
    method,
    arguments: args,
    destination: destinationOf(options) ?? null,
    pattern,
    matcher: pattern === null ? null : matcher,
    ...reply,
  }
  const expiresMs = core.clock.now() + timeout * 1000
  const message = encodeControlRequest(request, core.logicalClock.tick(), expiresMs, formatOf(core.conf))
  await (await core.broker()).broadcast(message)
}

function destinationOf({ destination }: BroadcastOptions): readonly string[] | undefined {
  return destination === undefined ? undefined : [destination].flat()
}
