/** The part of a listing to return. */
export interface PageRequest {
  /** At most this many; default 100. */
  readonly limit?: number
  /** `next` from the previous page; absent for the first page. */
  readonly after?: string
}

/** One part of a listing. */
export interface Page<T> {
  readonly items: readonly T[]
  /** The start of the next page; absent on the last. */
  readonly next?: string
}
