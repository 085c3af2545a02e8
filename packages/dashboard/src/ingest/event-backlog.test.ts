import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { EventBacklog, type WaitingMessage } from './event-backlog.js'

const folder = mkdtempSync(join(tmpdir(), 'lovage-backlog-'))
afterAll(() => rmSync(folder, { recursive: true }))

const message = (n: number, size = 10_000): WaitingMessage => ({
  body: n % 3 === 0 ? `${n} é`.padEnd(size, 'x') : Buffer.from(`${n} é`.padEnd(size, 'x')),
  contentType: 'application/json',
  contentEncoding: 'utf-8',
  arrivedMs: n + 0.25,
})
/** Cheap to compare: its text, and whether it was bytes. */
const plain = (one: WaitingMessage | undefined) => one && [String(one.body), typeof one.body, one.arrivedMs]
const limits = { inMemory: 100_000, inFile: 50_000_000 }

test('gives back what it got, in order, whether it waited in memory or in the file', () => {
  const backlog = new EventBacklog(folder, limits)
  let pushed = 0
  let taken = 0
  const push = (count: number): void => {
    for (let n = 0; n < count; n++) backlog.push(message(pushed++))
  }
  const take = (count: number): void => {
    for (let n = 0; n < count; n++) expect(plain(backlog.shift())).toEqual(plain(message(taken++)))
  }
  push(5)
  take(3)
  push(600)
  take(350)
  // The file is written again while it is read.
  push(400)
  take(652)
  expect(backlog.shift()).toBeUndefined()
  expect(backlog).toMatchObject({ count: 0, bytes: 0, isFull: false, failure: undefined })
  push(200)
  take(195)
  push(3)
  take(8)
  // One that is larger than what is read and written at a time.
  for (const size of [10, 3_000_000, 10, 2_000_000, 10, 10]) backlog.push(message(pushed++, size))
  for (const size of [10, 3_000_000, 10, 2_000_000, 10, 10])
    expect(plain(backlog.shift())).toEqual(plain(message(taken++, size)))
  expect(backlog.count).toBe(0)
  backlog.close()
})

test('leaves no file behind, and says when it is full', () => {
  const backlog = new EventBacklog(folder, { inMemory: 1000, inFile: 3_000_000 })
  for (let n = 0; n < 250; n++) backlog.push(message(n))
  expect(backlog.isFull).toBe(false)
  expect(readdirSync(folder)).toEqual([])
  for (let n = 250; n < 320; n++) backlog.push(message(n))
  expect(backlog.isFull).toBe(true)
  backlog.close()
  expect(backlog).toMatchObject({ count: 0, isFull: false })
})

test('keeps what cannot be written to the disk, and is full sooner', () => {
  const backlog = new EventBacklog(join(folder, 'nowhere'), limits)
  for (let n = 0; n < 150; n++) backlog.push(message(n))
  expect(backlog).toMatchObject({ count: 150, isFull: true, failure: { code: 'ENOENT' } })
  for (let n = 0; n < 150; n++) expect(plain(backlog.shift())).toEqual(plain(message(n)))
  expect(backlog).toMatchObject({ count: 0, isFull: false, failure: undefined })
})
