/** The rows of docs/systems.md. */
export function rowsOf(page?: string): readonly {
  readonly id: string
  readonly statement: string
  /** Files of tests, and a part of the names of those in them that count. */
  readonly tests: readonly { readonly file: string; readonly part: string }[]
}[]
