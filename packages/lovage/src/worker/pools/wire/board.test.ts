import { closeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { fileBoard, memoryBoard, openBoardFile } from './board.js'

test.each([
  ['memory', () => memoryBoard()],
  ['a file', () => fileBoard(openBoardFile())],
])('on a board in %s a job is begun or taken back, never both', (_name, open) => {
  const board = open()
  expect(board.begun()).toBe(0)
  expect(board.begin(1)).toBe(true)
  // 1 runs; 2 to 4 wait behind it.
  expect(board.takeBack(2, 4)).toBe(1)
  expect([2, 3, 4, 5].map((key) => board.begin(key))).toEqual([false, false, false, true])
  // Of 6 to 8 the child has just started 6.
  expect(board.begin(6)).toBe(true)
  expect(board.takeBack(6, 8)).toBe(6)
  board.close()
})

test('the file of a board is where a folder takes one, and leaves no name', () => {
  const fd = openBoardFile(['/proc/nowhere', tmpdir()])
  expect(fileBoard(fd).begin(1)).toBe(true)
  expect(() => openBoardFile(['/proc/nowhere'])).toThrow(/ENOENT/)
  closeSync(fd)
})

test('boards of one process do not see each other', () => {
  const [one, two] = [openBoardFile(), openBoardFile()]
  fileBoard(one).begin(7)
  expect(fileBoard(two).begun()).toBe(0)
  for (const fd of [one, two]) closeSync(fd)
})
