import { type Entry, type EntryDefinition, type EntryPut, isSame, newEntry } from '../schedule-store/index.js'

/** The changes to the store that bring the code's entries into force. */
export interface CodeMerge {
  readonly puts: readonly EntryPut[]
  readonly deletes: readonly Entry[]
  /** Information for operators, in sentences. */
  readonly notes: readonly string[]
}

/** Fields whose change restarts counting. */
const TIMING: ReadonlySet<keyof EntryDefinition> = new Set(['schedule', 'timezone', 'enabled'])

/**
 * Merges the code's entries into the store, by these rules:
 *
 * 1. An entry that is not stored is added.
 * 2. A field that the code changed since it was stored is taken over, unless an operator changed it: the operator's
 *    value stands until `reset`.
 * 3. An entry that the code no longer has is deleted, if it came from code.
 * 4. An entry that an operator created or removed is left alone, even if the code has one of the same name.
 */
export function mergeCode(
  stored: readonly Entry[],
  code: ReadonlyMap<string, EntryDefinition>,
  nowMs: number,
): CodeMerge {
  const puts: EntryPut[] = []
  const deletes: Entry[] = []
  const notes: string[] = []
  const byName = new Map(stored.map((entry) => [entry.name, entry]))
  for (const [name, definition] of code) {
    const entry = byName.get(name)
    if (!entry) puts.push({ entry: newEntry(name, definition, 'code', nowMs), restartMs: nowMs })
    else if (entry.code === null) {
      notes.push(
        `Entry ${name} was created by an operator; the entry in the code takes effect after 'schedule reset ${name}'.`,
      )
    } else if (!isSame(entry.code, definition)) {
      if (entry.removed)
        notes.push(`Entry ${name} was removed by an operator; its change in the code has no effect.`)
      else if (entry.changed.length > 0) {
        notes.push(
          `Entry ${name} changed in the code, but an operator's ${entry.changed.join(', ')} stay in force.`,
        )
      }
      puts.push(withCode(entry, definition, nowMs))
    }
  }
  for (const entry of stored) {
    if (entry.code === null || code.has(entry.name)) continue
    notes.push(`Entry ${entry.name} is no longer in the code and was deleted.`)
    deletes.push(entry)
  }
  return { puts, deletes, notes }
}

function withCode(entry: Entry, code: EntryDefinition, nowMs: number): EntryPut {
  const kept = Object.fromEntries(entry.changed.map((field) => [field, entry.definition[field]]))
  return changeTo(entry, { ...code, ...kept }, code, nowMs)
}

/** The put that gives an entry another definition; counting restarts if its times changed. */
export function changeTo(
  entry: Entry,
  definition: EntryDefinition,
  code: EntryDefinition | null,
  nowMs: number,
): EntryPut {
  const differing = (from: EntryDefinition): (keyof EntryDefinition)[] =>
    // `Object.keys` of a complete definition are its fields.
    (Object.keys(definition) as (keyof EntryDefinition)[]).filter(
      (field) => !isSame(definition[field], from[field]),
    )
  const next: Entry = { ...entry, definition, code, changed: code === null ? [] : differing(code) }
  const isNewTiming = differing(entry.definition).some((field) => TIMING.has(field))
  return isNewTiming ? { entry: next, restartMs: nowMs } : { entry: next }
}
