import type { Logger } from '../../../kernel/index.js'

/** A value that SQLite stores. Booleans are written as 0 and 1 by the caller. */
export type SqlValue = string | number | bigint | Uint8Array | null

/** A prepared statement. Parameters are positional; rows come as arrays, blobs in them as ArrayBuffer. */
export interface Statement {
  /** Runs a statement that returns no rows; tells how many rows it changed. */
  run(parameters: readonly SqlValue[]): number
  /** All rows. Types are the caller's knowledge of its own SQL. */
  all<Row extends readonly unknown[]>(parameters: readonly SqlValue[]): Row[]
  /** The first row. */
  get<Row extends readonly unknown[]>(parameters: readonly SqlValue[]): Row | undefined
}

/** The one connection of the process to the file, as procedures see it: always inside somebody else's transaction. */
export interface Connection {
  /** Prepares a statement; do it once, when the program opens. */
  prepare(sql: string): Statement
  /** Runs statements without parameters. */
  exec(sql: string): void
}

/** What a program may use of the thread that it lives in. */
export interface Host {
  /**
   * Tells everyone who watches `topic`, in this and in other processes, that something changed, once the
   * transaction is committed. Topics are few and coarse: `messages`, `results`, `marks`.
   */
  touch(topic: string): void
  /** The procedures of another program, to be called in the same transaction; its tables are made when they are missing. */
  use<Handlers extends ProgramHandlers>(program: Program<Handlers>): Handlers['writes']
  /** Runs after the current transaction is committed; dropped when it is rolled back. */
  afterCommit(action: () => void): void
  /** For timers of the program's own: runs `work` like a write procedure and resolves to its reply after the commit. */
  transact<Reply>(work: () => Reply): Promise<Reply>
  /** Unix ms at which the process's main event loop last turned, as far as something is held. */
  lastTurnMs(): number
  /** Whether a failure is the file's (a lock, a full disk), which ends without anybody changing the program. */
  isOutage(error: unknown): boolean
  readonly logger: Logger
  /** Tells the loader of this program (`onEvent`) something; plain data. */
  emit(event: unknown): void
}

/** Procedures by name: one argument in, one reply out, both plain data that structured clone can carry. */
// The argument types differ per procedure and stand in contravariant place: `never` lets each declare its own.
type ProcedureTable = Readonly<Record<string, (argument: never) => unknown>>

/** What a program does. Procedures are synchronous. */
export interface ProgramHandlers {
  /**
   * Each runs inside a BEGIN IMMEDIATE transaction that it shares with whatever else was called in the same
   * moment. It may run a second time after a rollback, so it must keep no state outside the database (use
   * `afterCommit` for that).
   */
  readonly writes: ProcedureTable
  /** These only read; they see every write that was called before them. */
  readonly reads: ProcedureTable
  /** Before the file is closed, in a transaction of its own: stop timers, give back what is held. */
  readonly close?: () => void
}

/** One step of a program's schema, a file of SQL statements. Steps are only ever appended. */
export type Migration = URL

/** A room's share of the file: its tables and its procedures. Lives in the thread; load it with `SqliteFile.load`. */
export interface Program<Handlers extends ProgramHandlers = ProgramHandlers> {
  /** Names its schema version in the file. */
  readonly name: string
  readonly migrations: readonly Migration[]
  readonly open: (connection: Connection, host: Host) => Handlers
}

/** Types a program; a program module has it as its default export. */
export function defineProgram<Handlers extends ProgramHandlers>(
  program: Program<Handlers>,
): Program<Handlers> {
  return program
}
