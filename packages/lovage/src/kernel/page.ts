/** Which part of a listing is wanted. */
export interface PageRequest {
  /** At most this many; default 100. */
  readonly limit?: number
  /** `next` of the page before; absent for the first. */
  readonly after?: string
}

/** One part of a listing. */
export interface Page<T> {
  readonly items: readonly T[]
  /** Where the next page begins; absent on the last. */
  readonly next?: string
}
