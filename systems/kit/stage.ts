import type { Running } from './command.js'

/** Where a system keeps its messages, results and data. */
export interface Places {
  readonly broker: string
  readonly backend: string
  readonly database: string
}

/** What a system is run on: a folder, places, a terminal, and processes that end with it. */
export interface Stage {
  /** A temporary folder. */
  readonly folder: string
  readonly places: Places
  /** Writes a line with the time since the start. */
  say(line: string): void
  /** Sets variables of the environment, for this process and all that are started after. */
  set(env: Readonly<Record<string, string>>): void
  /** Starts a command line in the system's folder, `celery -A app worker -Q mail`; a worker or beat is up when it resolves. */
  start(commandLine: string): Promise<Running>
  /** Runs a command line to its end and resolves with what it wrote. */
  run(commandLine: string): Promise<string>
  /** Names an address, shown when the system is left running. */
  show(name: string, url: string): void
  /** Does this when all has ended, in reverse order. */
  after(stop: () => unknown): void
}

/** One line of the closing table. */
export interface Done {
  readonly what: string
  readonly count: string | number
  /** False where the system did not do what it should have. Default true. */
  readonly ok?: boolean
}

/** A system that `npm run system` runs: the default export of its `system.ts`. */
export interface System {
  readonly name: string
  /** One line. */
  readonly summary: string
  /** Puts real work through the system and tells what was done. */
  run(stage: Stage): Promise<readonly Done[]>
}
