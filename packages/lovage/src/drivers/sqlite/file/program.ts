import type { Logger } from '../../../kernel/index.js'

/** A value that SQLite stores. The caller writes booleans as 0 and 1. */
export type SqlValue = string | number | bigint | Uint8Array | null

/** A prepared statement. Parameters are positional; rows come as arrays, blobs in them as ArrayBuffer. */
export interface Statement {
  /** Runs a statement that returns no rows; returns how many rows it changed. */
  run(parameters: readonly SqlValue[]): number
  /** All rows. Types are the caller's knowledge of its own SQL. */
  all<Row extends readonly unknown[]>(parameters: readonly SqlValue[]): Row[]
  /** The first row. */
  get<Row extends readonly unknown[]>(parameters: readonly SqlValue[]): Row | undefined
}

/** The process's only connection to the file, as procedures see it: always inside a transaction managed by the caller. */
export interface Connection {
  /** Prepares a statement; do it once, when the program opens. */
  prepare(sql: string): Statement
  /** Runs statements without parameters. */
  exec(sql: string): void
}

/** The services of the thread available to a program. */
export interface Host {
  /**
   * Notifies all watchers of `topic`, in this and in other processes, of a change, once the
   * transaction is committed. Topics are few and coarse: `messages`, `results`, `marks`.
   */
  touch(topic: string): void
  /** The procedures of another program, to be called in the same transaction; its tables are created when they are missing. */
  use<Handlers extends ProgramHandlers>(program: Program<Handlers>): Handlers['writes']
  /** Runs after the current transaction is committed; dropped when it is rolled back. */
  afterCommit(action: () => void): void
  /** For timers of the program's own: runs `work` like a write procedure and resolves to its reply after the commit. */
  transact<Reply>(work: () => Reply): Promise<Reply>
  /** Unix ms at which the process's main event loop last turned, as long as something holds the file. */
  lastTurnMs(): number
  /** Whether an error is the file's (a lock, a full disk), and so temporary, without a fault of the program. */
  isOutage(error: unknown): boolean
  readonly logger: Logger
  /** Sends an event to the loader of this program (`onEvent`); plain data. */
  emit(event: unknown): void
}

/** Procedures by name: one argument, one reply, both plain data that structured clone can carry. */
// The argument types differ per procedure and are in contravariant position: `never` lets each declare its own.
type ProcedureTable = Readonly<Record<string, (argument: never) => unknown>>

/** A program's procedures and hooks. Procedures are synchronous. */
export interface ProgramHandlers {
  /**
   * Each runs inside a BEGIN IMMEDIATE transaction that it shares with all other calls of the same
   * moment. It may run a second time after a rollback, so it must keep no state outside the database (use
   * `afterCommit` for that).
   */
  readonly writes: ProcedureTable
  /** Read-only procedures; they see every write that was called before them. */
  readonly reads: ProcedureTable
  /** Runs before the file is closed, in its own transaction: stop timers, return held claims. */
  readonly close?: () => void
}

/** One step of a program's schema, a file of SQL statements. Steps are append-only. */
export type Migration = URL

/** A room's share of the file: its tables and its procedures. Lives in the thread; load it with `SqliteFile.load`. */
export interface Program<Handlers extends ProgramHandlers = ProgramHandlers> {
  /** Names its schema version in the file. */
  readonly name: string
  readonly migrations: readonly Migration[]
  readonly open: (connection: Connection, host: Host) => Handlers
}

/** Types a program; a program module exports it as its default. */
export function defineProgram<Handlers extends ProgramHandlers>(
  program: Program<Handlers>,
): Program<Handlers> {
  return program
}
