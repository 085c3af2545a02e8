import type { GetOptions, RevokeOptions } from './get-options.js'

/** A result of a task or of a group: the type of parents and children. */
export interface AnyResult {
  readonly id: string
  /** The result of the previous step in a chain. */
  readonly parent: AnyResult | null
  /** The members of a group; null for a task. */
  readonly results: readonly AnyResult[] | null
  get(options?: GetOptions): Promise<unknown>
  ready(): Promise<boolean>
  successful(): Promise<boolean>
  failed(): Promise<boolean>
  /** Results of the tasks it sent; for a group, its members. */
  children(): Promise<readonly AnyResult[]>
  forget(): Promise<void>
  revoke(options?: RevokeOptions): Promise<void>
}
