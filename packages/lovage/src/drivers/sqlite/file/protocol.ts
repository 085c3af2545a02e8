import type { WireError } from './store-errors.js'

/** The initial data of the thread. */
export interface ThreadData {
  readonly path: string
  readonly synchronous: 'normal' | 'full'
  readonly lockTimeoutMs: number
  /** Unix ms at which the main thread's event loop last turned: one BigInt64. */
  readonly pulse: SharedArrayBuffer
  readonly exitGate: Int32Array<SharedArrayBuffer>
}

/** One procedure call: program, procedure, argument. */
export type Call = readonly [id: number, program: string, procedure: string, argument: unknown]

/** To the thread. */
export type Request =
  | { readonly kind: 'calls'; readonly calls: readonly Call[] }
  | { readonly kind: 'load'; readonly id: number; readonly url: string }
  | { readonly kind: 'synchronous'; readonly id: number; readonly level: 'normal' | 'full' }
  | { readonly kind: 'watch'; readonly on: boolean }
  | { readonly kind: 'close'; readonly id: number }

/** From the thread. Replies of one transaction are sent together. */
export interface Report {
  readonly replies?: readonly (readonly [id: number, reply: unknown])[]
  readonly errors?: readonly (readonly [id: number, error: WireError])[]
  /** Topics that changed in the file; `*` when another process made an unannounced change. */
  readonly changed?: readonly string[]
  readonly events?: readonly (readonly [program: string, event: unknown])[]
}
