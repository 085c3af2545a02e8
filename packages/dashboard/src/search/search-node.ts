/** The searchable fields. `text` means all text fields. */
export type SearchField =
  | 'text'
  | 'id'
  | 'name'
  | 'state'
  | 'worker'
  | 'queue'
  | 'args'
  | 'kwargs'
  | 'result'
  | 'error'
  | 'root'
  | 'parent'
  | 'retries'
  | 'runtime'
  | 'sent'
  | 'received'
  | 'started'
  | 'ended'

/** The relation of a field's value to the given one; bounds are inclusive. */
export type SearchRelation = 'contains' | 'is' | 'before' | 'after' | 'less' | 'more'

/** One condition. */
export interface SearchTerm {
  readonly kind: 'term'
  readonly field: SearchField
  readonly relation: SearchRelation
  /** A text as typed, a state in upper case, a number, or Unix ms. */
  readonly value: string | number
}

/** A node of a parsed search. */
export type SearchNode =
  | { readonly kind: 'all' }
  | SearchTerm
  | { readonly kind: 'and'; readonly of: readonly SearchNode[] }
  | { readonly kind: 'or'; readonly of: readonly SearchNode[] }
  | { readonly kind: 'not'; readonly of: SearchNode }

/** An error in a search, and its position. */
export interface SearchError {
  readonly message: string
  /** Counted from 0, in characters. */
  readonly position: number
  /** The number of characters concerned. */
  readonly length: number
}
