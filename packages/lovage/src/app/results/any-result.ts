import type { GetOptions, RevokeOptions } from './get-options.js'

/** A result of a task or of a group: what parents and children are. */
export interface AnyResult {
  readonly id: string
  /** The result of what came before it in a chain. */
  readonly parent: AnyResult | null
  /** The members of a group; null for a task. */
  readonly results: readonly AnyResult[] | null
  get(options?: GetOptions): Promise<unknown>
  ready(): Promise<boolean>
  successful(): Promise<boolean>
  failed(): Promise<boolean>
  /** Results of what it sent; of a group, its members. */
  children(): Promise<readonly AnyResult[]>
  forget(): Promise<void>
  revoke(options?: RevokeOptions): Promise<void>
}
