import type { AppCore } from '../app/core/index.js'
import type { Broker, Queue } from '../broker/index.js'
import type { RunningWorker } from '../worker/index.js'
import type { EventSender } from './event-sender.js'

/** The ports of remote control commands. */
export interface CommandPorts {
  readonly app: AppCore
  readonly broker: Broker
  readonly worker: RunningWorker
  readonly events: EventSender
  /** Identifies the request in its replies; null = no reply is wanted. */
  readonly ticket: string | null
  /** Ids of the tasks that the worker held when a request to revoke came. */
  readonly held: ReadonlySet<string>
  /** Unix ms. */
  readonly startedMs: number
  /** Queues that were added while it runs, by name, as `add_consumer` described them. */
  readonly added: Map<string, Queue>
  /** Shuts this worker down, warm. */
  readonly shutdown: () => void
}

/** Arguments as received over the wire. */
export type CommandArguments = Readonly<Record<string, unknown>>

/** Runs a command. Its return value is the reply; a thrown error is sent as an error reply. */
export type Command = (args: CommandArguments, ports: CommandPorts) => unknown

/** An argument that is a text, or a list of texts. */
export function texts(value: unknown, name: string): readonly string[] {
  const list = typeof value === 'string' ? [value] : value
  if (Array.isArray(list) && list.every((one) => typeof one === 'string')) return list
  throw new TypeError(`${name} must be text or a list of texts`)
}

/** An argument that is a text. */
export function text(value: unknown, name: string): string {
  if (typeof value === 'string' && value !== '') return value
  throw new TypeError(`${name} must be text`)
}

/** An argument that is the name of a queue, an exchange or a routing key. */
export function entity(value: unknown, name: string): string {
  const said = text(value, name)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused.
  if (said.length > 255 || /[\u0000-\u001f\u007f]/.test(said))
    throw new TypeError(`${name} must be a name of at most 255 characters, without control characters`)
  return said
}

/** An argument that is a whole number within bounds. */
export function count(value: unknown, name: string, least: number, most: number): number {
  const read = number(value, name)
  if (!Number.isInteger(read) || read < least || read > most)
    throw new RangeError(`${name} must be a whole number from ${least} to ${most}`)
  return read
}

/** An argument that is a number; texts are read, because command lines send them. */
export function number(value: unknown, name: string): number {
  const read = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (typeof read === 'number' && Number.isFinite(read)) return read
  throw new TypeError(`${name} must be a number`)
}
