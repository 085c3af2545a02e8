import {
  type ControlRequest,
  decodeControlReply,
  encodeControlRequest,
  REPLY_EXCHANGE,
} from '../../envelope/index.js'
import { delay, newId, stayAlive } from '../../kernel/index.js'
import type { AppCore } from '../core/index.js'
import { formatOf } from '../sending/index.js'
import { RollCall } from './roll-call.js'

/** A command's recipients, and how to wait for replies. */
export interface BroadcastOptions {
  /** Nodes by name (`celery@host`); default all. */
  readonly destination?: string | readonly string[]
  /** Nodes whose name matches; used when no destination is given. */
  readonly pattern?: string
  /** How `pattern` is interpreted. Default 'glob'. */
  readonly matcher?: 'glob' | 'pcre'
  /** Seconds to wait for replies. Default 1; with 0 the command is sent, and no reply is asked for. */
  readonly timeout?: number
  /** Number of replies after which waiting ends. Default: the number of destinations. */
  readonly limit?: number
}

/** Each node's reply, by its name. */
export type Answers<Answer> = Readonly<Record<string, Answer>>

/** One node's reply, and the process that gave it; undefined = not known, as with Python's workers. */
interface Reply {
  readonly node: string
  readonly process: string | undefined
  readonly answer: unknown
}

/**
 * Queries workers in any language, and collects the replies that arrive in time. Where the broker knows how many listen, or counts
 * the consumers of queues, waiting ends with the last of them. A name that several processes have is followed by the process: `w1@box (4711@box)`.
 */
export async function ask(
  core: AppCore,
  method: string,
  args: Readonly<Record<string, unknown>>,
  options: BroadcastOptions = {},
): Promise<Answers<unknown>> {
  const { timeout = 1 } = options
  if (timeout === 0) {
    await tell(core, method, args, options)
    return {}
  }
  const destination = destinationOf(options)
  const limit = options.limit ?? destination?.length
  const broker = await core.broker()
  const [ticket, rollTicket, routingKey] = [newId(), newId(), newId()]
  const replyTo = { exchange: REPLY_EXCHANGE, routingKey }
  const replies: Reply[] = []
  let listeners: number | undefined
  const enough = new AbortController()
  const roll = new RollCall(core, () => enough.abort())
  const end = await broker.inbox(REPLY_EXCHANGE, routingKey, (message) => {
    const reply = decodeControlReply(message, formatOf(core.conf))
    if (reply instanceof Error || ![ticket, rollTicket].includes(reply.ticket)) return
    core.logicalClock.adjust(message.headers.clock)
    const { process } = reply
    for (const [node, answer] of Object.entries(reply.answers)) {
      const own = `${node} ${process}`
      if (reply.ticket === rollTicket) roll.consumes(own, answer)
      else {
        replies.push({ node, process, answer })
        roll.replied(own)
      }
    }
    endIfComplete()
  })
  function endIfComplete(): void {
    const most = limit ?? listeners
    if (most !== undefined && replies.length >= most) enough.abort()
  }
  try {
    const reached = await send(core, method, args, options, { ticket, replyTo })
    // Those that a pattern leaves out do not reply; no listener at all is not believed, because one may be about to subscribe.
    const isForAll = limit === undefined && options.pattern === undefined
    if (isForAll && reached !== undefined && reached > 0) listeners = reached
    if (isForAll && reached === undefined)
      await send(core, 'active_queues', {}, options, { ticket: rollTicket, replyTo })
    endIfComplete()
    await stayAlive(delay(core.clock, timeout * 1000, enough.signal)).catch(() => {
      // All have replied.
    })
  } finally {
    roll.end()
    end()
  }
  return byNode(replies)
}

/** Replies by node, sorted; of several processes with one name, each has its own line. */
function byNode(replies: readonly Reply[]): Answers<unknown> {
  const counts = new Map<string, number>()
  for (const { node } of replies) counts.set(node, (counts.get(node) ?? 0) + 1)
  const unknown = new Map<string, number>()
  const named = replies.map(({ node, process, answer }) => {
    if (counts.get(node) === 1) return [node, answer] as const
    if (process !== undefined) return [`${node} (${process})`, answer] as const
    const place = (unknown.get(node) ?? 0) + 1
    unknown.set(node, place)
    return [`${node} (another process${place > 1 ? `, ${place}` : ''})`, answer] as const
  })
  return Object.fromEntries(named.sort(([left], [right]) => (left < right ? -1 : 1)))
}

/**
 * Other processes that answer to a node's name: two workers with one name obey each other's orders, and monitors show one.
 * @param own is the asking process, which may answer, too.
 */
export async function namesakes(
  core: AppCore,
  node: string,
  own: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const broker = await core.broker()
  const [ticket, routingKey] = [newId(), newId()]
  const others: string[] = []
  const end = await broker.inbox(REPLY_EXCHANGE, routingKey, (message) => {
    const reply = decodeControlReply(message, formatOf(core.conf))
    if (reply instanceof Error || reply.ticket !== ticket) return
    if (reply.process !== own) others.push(reply.process ?? 'of another version or language')
  })
  try {
    const to = { ticket, replyTo: { exchange: REPLY_EXCHANGE, routingKey } }
    await send(core, 'ping', {}, { destination: node }, to)
    await delay(core.clock, 1000, signal).catch(() => {
      // The worker stops.
    })
  } finally {
    end()
  }
  return others
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
): Promise<number | undefined> {
  const { pattern = null, matcher = 'glob' } = options
  // What is told without waiting must not expire at once.
  const timeout = options.timeout || 1
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
  return (await core.broker()).broadcast(message)
}

function destinationOf({ destination }: BroadcastOptions): readonly string[] | undefined {
  return destination === undefined ? undefined : [destination].flat()
}
