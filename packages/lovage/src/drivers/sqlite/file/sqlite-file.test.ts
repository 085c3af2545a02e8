import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'libsql'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { openSqliteFile, type SqliteFile } from './index.js'
import type program from './notes.suite.js'

const NOTES = new URL('./notes.suite.js', import.meta.url)

let folder: string
let opened: SqliteFile[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lovage-sqlite-'))
})
afterEach(async () => {
  await Promise.all(opened.map((file) => file.close()))
  opened = []
  rmSync(folder, { recursive: true })
})

async function open(name = 'notes.db', options = '', isolated = false): Promise<SqliteFile> {
  const file = await openSqliteFile(`sqlite://${join(folder, name)}${options}`, { isolated })
  opened.push(file)
  return file
}

const notes = (file: SqliteFile) => file.load<typeof program>(NOTES)

describe('a SQLite file', () => {
  test('answers calls of one turn in order, reads seeing the writes before them', async () => {
    const { call } = await notes(await open())
    const [none, one, all] = await Promise.all([
      call('all', undefined),
      call('add', 'a'),
      call('all', undefined),
    ])
    expect([none, one, all]).toEqual([[], 1, ['a']])
  })

  test('lets only the guilty call fail', async () => {
    const { call } = await notes(await open())
    const outcomes = await Promise.allSettled([call('add', 'a'), call('add', 'bad'), call('add', 'b')])
    expect(outcomes.map((o) => o.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(await call('all', undefined)).toEqual(['a', 'b'])
  })

  test('tells another process at once what changed', async () => {
    const [mine, theirs] = await Promise.all([open(), open('notes.db', '', true)])
    const heard = new Promise<void>((resolve) => void theirs.watch('notes', resolve))
    await (await notes(mine)).call('add', 'a')
    await heard
    expect(await (await notes(theirs)).call('all', undefined)).toEqual(['a'])
  })

  test('keeps what was written', async () => {
    const first = await open()
    await (await notes(first)).call('add', 'a')
    await first.close()
    expect(await (await notes(await open())).call('all', undefined)).toEqual(['a'])
  })

  test('refuses calls after it was closed', async () => {
    const file = await open()
    const { call } = await notes(file)
    await file.close()
    await expect(call('add', 'a')).rejects.toMatchObject({ code: 'LVG_CONNECTION_CLOSED' })
  })

  test('is worked on again when its thread has died, by those who had it open', async () => {
    const file = await open()
    const { call } = await notes(file)
    const heard = vi.fn()
    file.watch('notes', heard)
    // Its reply may arrive before its thread dies, or not.
    await call('add', 'deadly').catch(() => {})
    // Calls in flight when it died are rejected; later calls are executed. It may die after any of these.
    await vi.waitFor(() => expect(call('add', 'a')).resolves.toBe(1), 10_000)
    await vi.waitFor(
      async () => expect((await call('all', undefined)).slice(0, 2)).toEqual(['deadly', 'a']),
      10_000,
    )
    heard.mockClear()
    await (await notes(await open('notes.db', '', true))).call('add', 'b')
    await vi.waitFor(() => expect(heard).toHaveBeenCalled(), 20_000)
  })

  test('lets each call wait for a lock until its own deadline', async () => {
    const { call } = await notes(await open('notes.db', '?lockTimeoutMs=600'))
    const other = new Database(join(folder, 'notes.db'))
    other.exec('BEGIN IMMEDIATE')
    const first = call('add', 'a').catch((error: unknown) => error)
    await new Promise((resolve) => setTimeout(resolve, 400))
    const second = call('add', 'b')
    expect(await first).toMatchObject({ code: 'LVG_STORE_LOCKED' })
    other.exec('ROLLBACK')
    other.close()
    expect(await second).toBe(1)
    expect(await call('all', undefined)).toEqual(['b'])
  })

  test('says clearly that it is no database', async () => {
    writeFileSync(join(folder, 'broken.db'), 'not a database '.repeat(1000))
    await expect(open('broken.db')).rejects.toMatchObject({
      name: 'ConnectionError',
      code: 'LVG_STORE_CORRUPT',
    })
  })

  test('says clearly that its folder is missing', async () => {
    await expect(open('none/x.db')).rejects.toMatchObject({ code: 'LVG_STORE_MISSING' })
  })
})
