/** The rows of docs/systems.md. */
export function rowsOf(page?: string): readonly {
  readonly id: string
  readonly statement: string
  readonly file: string
  /** Part of the names of the tests that count; empty = all of the file. */
  readonly part: string
}[]
