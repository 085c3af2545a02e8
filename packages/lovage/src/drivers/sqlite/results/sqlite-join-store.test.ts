import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../../kernel/index.js'
import type { JoinPart } from '../../../result/index.js'
import { openSqliteFile, type SqliteFile } from '../file/index.js'
import { joinOf } from './join-row.js'
import type settling from './settling.suite.js'
import { openSqliteJoins } from './sqlite-join-store.js'

let folder: string
let file: SqliteFile
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lovage-joins-'))
  file = await openSqliteFile(`sqlite://${join(folder, 'queue.db')}`)
})
afterEach(async () => {
  await file.close()
  rmSync(folder, { recursive: true })
})

test('a member arrives in the transaction that settles it, or not at all', async () => {
  const joins = await openSqliteJoins(file, { clock: systemClock, settings: {} })
  const program = await file.load<typeof settling>(new URL('./settling.suite.js', import.meta.url))
  const settle = async (part: JoinPart) =>
    (await program.call('settle', { parts: [part], nowMs: Date.now(), holdMs: 60_000 })).map((row) =>
      joinOf(row),
    )
  await joins.open([{ id: 'j', size: 2, body: '{}', deadlineMs: Date.now() + 60_000 }])
  const a: JoinPart = { joinId: 'j', taskId: 'a', index: 0, state: 'SUCCESS', resultJson: '1' }
  const b: JoinPart = { ...a, taskId: 'b', index: 1 }

  expect(await settle(a)).toEqual([])
  await expect(settle({ ...b, resultJson: '"bad"' })).rejects.toThrow('refused')
  expect(await program.call('settled', undefined)).toEqual(['a'])
  // A rolled-back part is not counted, and its value is not stored.
  expect(await settle(b)).toMatchObject([{ id: 'j', parts: [{ result: 1 }, { result: 1 }], expired: false }])
  expect(await program.call('settled', undefined)).toEqual(['a', 'b'])
})

test('finished joins leave nothing in the file', async () => {
  const joins = await openSqliteJoins(file, { clock: systemClock, settings: {} })
  await joins.open([{ id: 'j', size: 1, body: '{}', deadlineMs: 0 }])
  await joins.extend('j', ['x'])
  await joins.arrive([{ joinId: 'j', taskId: 'a', index: 0, state: 'SUCCESS', resultJson: '1' }])
  await joins.finish(['j'])
  await joins.open([{ id: 'j', size: 1, body: '{}', deadlineMs: Date.now() + 60_000 }])
  const [completed] = await joins.arrive([
    { joinId: 'j', taskId: 'b', index: 0, state: 'SUCCESS', resultJson: '2' },
  ])
  expect(completed?.parts.map(({ taskId }) => taskId)).toEqual(['b'])
})
