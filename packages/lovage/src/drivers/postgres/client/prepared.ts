import { createHash } from 'node:crypto'

const names = new Map<string, string>()

/** Lets every connection keep the plans of these statements: making one takes longer than carrying it out for a few rows. */
export function prepare(...statements: readonly string[]): void {
  // A pooler shares connections between processes: a name must mean the same text in all of them.
  for (const statement of statements)
    names.set(statement, `lovage_${createHash('sha256').update(statement).digest('hex').slice(0, 24)}`)
}

/** The name of a statement whose plan is kept. */
export const nameOf = (statement: string): string | undefined => names.get(statement)

/**
 * States of errors before execution: the server has no such plan (a pooler has handed out another connection), has one already, or cannot
 * use it any longer (a column of its result has another type).
 */
export const PLAN_LOST: ReadonlySet<string | undefined> = new Set(['26000', '42P05', '0A000'])
