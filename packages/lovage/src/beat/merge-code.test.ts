import { describe, expect, it } from 'vitest'
import type { PeriodicTask } from '../schedule/index.js'
import { defineEntry, type Entry, type EntryDefinition, newEntry } from '../schedule-store/index.js'
import { changeTo, mergeCode } from './merge-code.js'

const THEN = Date.UTC(2026, 0, 1)
const NOW = Date.UTC(2026, 0, 9)
const definition = (periodic: Partial<PeriodicTask> = {}) =>
  defineEntry('a', { task: 't', schedule: 60, ...periodic })
const code = (of: EntryDefinition) => new Map([['a', of]])
const stored = (from: 'code' | 'operator' = 'code'): Entry => ({
  ...newEntry('a', definition(), from, THEN),
  revision: 3,
})

describe('entries of the code', () => {
  it('are added when they are new, and count from now', () => {
    const { puts, notes } = mergeCode([], code(definition()), NOW)
    expect(puts).toEqual([{ entry: newEntry('a', definition(), 'code', NOW), restartMs: NOW }])
    expect(notes).toEqual([])
  })

  it('change nothing while the code does not change', () => {
    expect(mergeCode([stored()], code(definition()), NOW)).toEqual({ puts: [], deletes: [], notes: [] })
  })

  it('take over what the code changed, and keep counting unless the times changed', () => {
    const args = mergeCode([stored()], code(definition({ args: [1] })), NOW)
    expect(args.puts).toMatchObject([{ entry: { definition: { args: [1] }, revision: 3, changed: [] } }])
    expect(args.puts[0]?.restartMs).toBeUndefined()
    const times = mergeCode([stored()], code(definition({ schedule: 61 })), NOW)
    expect(times.puts).toMatchObject([{ restartMs: NOW }])
  })

  it('never silently overwrite what an operator changed', () => {
    const disabled = changeTo(stored(), { ...definition(), enabled: false }, definition(), THEN).entry
    expect(disabled.changed).toEqual(['enabled'])
    const merged = mergeCode([disabled], code(definition({ args: [1], enabled: true, jitterMs: 5 })), NOW)
    expect(merged.puts).toMatchObject([
      { entry: { definition: { enabled: false, args: [1], jitterMs: 5 }, changed: ['enabled'] } },
    ])
    expect(merged.notes).toEqual(["Entry a changed in the code, but an operator's enabled stay in force."])
  })

  it('agree with an operator once the code says the same', () => {
    const disabled = changeTo(stored(), { ...definition(), enabled: false }, definition(), THEN).entry
    const merged = mergeCode([disabled], code(definition({ enabled: false })), NOW)
    expect(merged.puts).toMatchObject([{ entry: { definition: { enabled: false }, changed: [] } }])
  })

  it('do not bring back what an operator removed', () => {
    const removed = { ...stored(), removed: true }
    expect(mergeCode([removed], code(definition()), NOW).puts).toEqual([])
    expect(mergeCode([removed], code(definition({ args: [1] })), NOW).puts).toMatchObject([
      { entry: { removed: true } },
    ])
  })

  it('leave alone what an operator made', () => {
    const { puts, deletes, notes } = mergeCode([stored('operator')], code(definition({ args: [1] })), NOW)
    expect([puts, deletes]).toEqual([[], []])
    expect(notes).toEqual([
      "Entry a was created by an operator; the entry in the code takes effect after 'schedule reset a'.",
    ])
    expect(mergeCode([stored('operator')], new Map(), NOW)).toEqual({ puts: [], deletes: [], notes: [] })
  })

  it('are deleted when the code has them no longer', () => {
    expect(mergeCode([stored()], new Map(), NOW)).toMatchObject({ puts: [], deletes: [{ name: 'a' }] })
  })
})
