import type { Channel, ChannelModel } from 'amqplib'
import { delay, systemClock } from '../../../kernel/index.js'
import type { PublishingLink } from './publishing-channel.js'

/** How long a server may take to confirm the close. */
const GOODBYE_MS = 5_000

/** Fields of the client library's connection that its types omit. */
export interface InnerConnection {
  rest?: Buffer
  recvFrame?: () => unknown
  readonly stream?: {
    readonly destroyed?: boolean
    readonly writableEnded?: boolean
    unref?: () => unknown
    destroy?: (error?: Error) => unknown
  }
  readonly heartbeater?: { readonly sendTimer?: NodeJS.Timeout; readonly recvTimer?: NodeJS.Timeout } | null
}

/** Fields that the library's types omit: the number of a channel, and its connection's socket. */
export function innerOf(
  model: ChannelModel,
  channel: Channel,
): { readonly number: number; readonly link: PublishingLink } {
  const { ch: number } = channel as unknown as { readonly ch: number }
  return { number, link: model.connection as unknown as PublishingLink }
}

/**
 * Whether a connection has ended. If its close arrives in the same read as an awaited reply, it ends before our listeners are attached, and
 * we would never hear of it.
 */
export function hasEnded({ connection }: ChannelModel): boolean {
  const { stream } = connection as InnerConnection
  return stream?.destroyed === true || stream?.writableEnded === true
}

/** Closes a connection, after the work given; destroys its socket if that takes too long. */
export async function leave(model: ChannelModel, before?: () => Promise<unknown>): Promise<void> {
  const late = new AbortController()
  // Without a listener, an error of the connection would end the process.
  model.on('error', () => {})
  const goodbye = async (): Promise<void> => {
    await before?.()
    await model.close()
  }
  await Promise.race([
    // If the connection is lost meanwhile, the library never settles its close.
    new Promise<void>((resolve) => model.once('close', () => resolve())),
    // A connection that is lost while it closes is closed.
    goodbye().catch(() => {}),
    delay(systemClock, GOODBYE_MS, late.signal).catch(() => {}),
  ])
  late.abort()
  // With an error: the library closes its channels for nothing else, and pending operations end with them.
  ;(model.connection as InnerConnection).stream?.destroy?.(new Error('closed'))
}
