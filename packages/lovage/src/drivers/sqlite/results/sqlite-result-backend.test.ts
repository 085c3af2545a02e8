import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'libsql'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { silentLogger, systemClock } from '../../../kernel/index.js'
import { record } from '../../../result/tester.suite.js'
import { openSqliteResultBackend } from './sqlite-result-backend.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lovage-results-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

/** A clock whose timers are fired by hand. */
class HandClock {
  nowMs = Date.UTC(2026, 0, 1)
  readonly timers = new Set<() => void>()
  now = (): number => this.nowMs
  setTimer = (callback: () => void) => {
    this.timers.add(callback)
    return { cancel: () => void this.timers.delete(callback) }
  }
  ring(): void {
    for (const callback of [...this.timers]) {
      this.timers.delete(callback)
      callback()
    }
  }
}

const open = (clock = new HandClock(), settings: Record<string, unknown> = {}) =>
  openSqliteResultBackend(`sqlite://${join(folder, 'queue.db')}`, { clock, settings, logger: silentLogger })

test('results expire without a beat, in batches, unfinished ones stay', async () => {
  const clock = new HandClock()
  const backend = await open(clock, { resultExpires: 3600 })
  const old = Array.from({ length: 2500 }, () => record())
  const running = record({ state: 'STARTED' })
  await backend.store([...old, running])
  await backend.joins?.saveGroup([['group', null], []])
  clock.nowMs += 3_600_000
  const young = record()
  await backend.store([young])
  clock.ring()
  clock.nowMs += 1
  clock.ring()
  const ids = [...old, running, young].map(({ id }) => id)
  await vi.waitFor(
    async () =>
      expect(new Set((await backend.get(ids)).map(({ id }) => id))).toEqual(new Set([running.id, young.id])),
    20_000,
  )
  await vi.waitFor(async () => expect(await backend.joins?.group('group')).toBeUndefined(), 20_000)
  await backend.close()
  expect(clock.timers.size).toBe(0)
})

test('results that never expire are not pruned', async () => {
  const clock = new HandClock()
  const backend = await open(clock, { resultExpires: 0 })
  expect(clock.timers.size).toBe(0)
  await backend.close()
})

test('a backend that is closed refuses what comes later', async () => {
  const backend = await openSqliteResultBackend(`sqlite://${join(folder, 'queue.db')}`, {
    clock: systemClock,
    settings: {},
    logger: silentLogger,
  })
  await backend.close()
  await backend.close()
  await expect(backend.store([record()])).rejects.toMatchObject({ code: 'LVG_CONNECTION_CLOSED' })
  await expect(backend.get(['a'])).rejects.toMatchObject({ code: 'LVG_CONNECTION_CLOSED' })
})

test('a file whose results are kept by their ids is brought up to date, and loses none', async () => {
  const ids = ['b', 'c', 'a']
  const file = new Database(join(folder, 'queue.db'))
  file.exec(readFileSync(new URL('./schema-1.sql', import.meta.url), 'utf8'))
  file.exec('CREATE TABLE lovage_schema (program TEXT PRIMARY KEY, version INTEGER NOT NULL)')
  file.exec("INSERT INTO lovage_schema VALUES ('results', 1)")
  const insert = file.prepare(
    "INSERT INTO lovage_result (task_id, status, result, children, stored_ms) VALUES (?, 'STARTED', ?, '[]', ?)",
  )
  for (const [place, id] of ids.entries()) insert.run(id, JSON.stringify(place), place)
  file.close()
  const backend = await open()
  expect((await backend.get(ids)).map(({ id, result }) => [id, result])).toEqual(
    expect.arrayContaining(ids.map((id, place) => [id, place])),
  )
  await backend.store([record({ id: 'a', result: 'done' })])
  expect(await backend.get(['a'])).toMatchObject([{ state: 'SUCCESS', result: 'done' }])
  await backend.close()
})
