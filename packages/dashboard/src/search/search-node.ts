/** The fields that can be searched. `text` is every one of them that is a text. */
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

/** How a field's value stands to the one that was given; bounds are inclusive. */
export type SearchRelation = 'contains' | 'is' | 'before' | 'after' | 'less' | 'more'

/** One condition. */
export interface SearchTerm {
  readonly kind: 'term'
  readonly field: SearchField
  readonly relation: SearchRelation
  /** A text as it was typed, a state in upper case, a number, or Unix ms. */
  readonly value: string | number
}

/** What a search asks for. */
export type SearchNode =
  | { readonly kind: 'all' }
  | SearchTerm
  | { readonly kind: 'and'; readonly of: readonly SearchNode[] }
  | { readonly kind: 'or'; readonly of: readonly SearchNode[] }
  | { readonly kind: 'not'; readonly of: SearchNode }

/** Why a search cannot be understood, and where. */
export interface SearchError {
  readonly message: string
  /** Counted from 0, in characters. */
  readonly position: number
  /** How many characters are meant. */
  readonly length: number
}
