import type * as cluster from '../../packages/lovage/src/cluster/index.js'
import type * as envelope from '../../packages/lovage/src/envelope/index.js'
import type * as events from '../../packages/lovage/src/events/index.js'
import type * as message from '../../packages/lovage/src/message/index.js'

/** The doors of the rooms whose readers are fuzzed. */
export type Rooms = typeof cluster & typeof envelope & typeof message & typeof events
export type Kind = 'envelope' | 'request' | 'event' | 'body'

export declare const WRONG_VALUES: readonly string[]
export declare const BODY: readonly unknown[]
export declare const HEADERS: Readonly<Record<string, unknown>>
export declare const ENVELOPE: Readonly<Record<string, unknown>>
export declare const REQUEST: Readonly<Record<string, unknown>>
export declare const EVENTS: readonly Readonly<Record<string, unknown>>[]
export declare function randomFrom(seed: number): () => number
export declare function pathsOf(value: unknown): readonly (readonly string[])[]
export declare function withPart(value: unknown, path: readonly string[], part: unknown): unknown
export declare function wrongInOnePlace(value: unknown): Generator<string>
export declare function hostileTexts(
  seed: number,
): Generator<{ readonly kind: Kind; readonly number: number; readonly text: string }>
export declare function messageOf(
  text: string,
  headers?: Readonly<Record<string, unknown>>,
): message.IncomingMessage
export declare function hostileMessages(
  seed: number,
  options: {
    readonly queue: string
    readonly isEnvelope?: boolean
    readonly parse?: (text: string) => unknown
  },
): Generator<{ readonly kind: Kind; readonly message: message.OutgoingMessage }>
export declare function fuzzReaders(options: {
  readonly seed: number
  readonly count: number
  readonly rooms: Rooms
}): { readonly refused: number; readonly taken: number }
export declare function readAsEverything(
  rooms: Rooms,
  kind: Kind,
  text: string,
  note: <T>(value: T) => T,
): void
