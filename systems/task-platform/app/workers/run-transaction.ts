import type { Database, Row, Sql, Transaction, Value } from 'lovage-systems-kit'

/** The transaction of a run, begun by its first statement: a run that asks nothing of the database holds nothing there. */
export class RunTransaction implements Sql {
  readonly #database: Database
  #begun: Promise<Transaction> | undefined

  constructor(database: Database) {
    this.#database = database
  }

  async query<R extends Row = Row>(text: string, values: readonly Value[] = []): Promise<readonly R[]> {
    this.#begun ??= this.#database.begin()
    return (await this.#begun).query<R>(text, values)
  }
  async commit(): Promise<void> {
    await (await this.#begun)?.commit()
  }
  async rollback(): Promise<void> {
    await (await this.#begun)?.rollback()
  }
}
