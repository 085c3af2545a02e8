import type { Embed } from '../message/index.js'
import type { WireOptions } from './node.js'

/** One message to be sent. */
export interface CanvasCall {
  readonly task: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  /** In Celery's spelling, without the options carried in `embed`. */
  readonly options: WireOptions
  readonly embed: Embed
}
