import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * State that parent and child both see at once, however busy the child is: the job it started last, and the jobs its parent has taken
 * back. Each writes its own word before it reads the other's, so that a job is either started or taken back, never both:
 *
 * - the child announces that it starts a job, then checks whether it was taken back: if so it skips it;
 * - the parent announces which jobs it takes back, then checks which one was started last: later ones are its own again, and
 *   for earlier ones the child will report.
 */
export interface ChildBoard {
  /** Announces a job; false if it was already taken back. */
  begin(key: number): boolean
}

/** The parent's side. */
export interface ParentBoard {
  /** The key of the job that was started last; 0 = none yet. */
  begun(): number
  /** Takes back all jobs from one key to another, except those started; returns `begun()`. Only one range is remembered. */
  takeBack(from: number, to: number): number
  close(): void
}

/** Layout of the board: the started key, then the range taken back, which is written as one. */
const BEGUN = 0
const TAKEN = 8
const BYTES = 16

/** A board for a thread: shared memory. */
export function memoryBoard(
  memory = new SharedArrayBuffer(BYTES),
): ParentBoard & ChildBoard & { readonly memory: SharedArrayBuffer } {
  const words = new BigInt64Array(memory)
  const begun = (): number => Number(Atomics.load(words, BEGUN / 8))
  return {
    memory,
    begun,
    takeBack(from, to) {
      Atomics.store(words, TAKEN / 8, rangeOf(from, to))
      return begun()
    },
    begin(key) {
      Atomics.store(words, BEGUN / 8, BigInt(key))
      return !isWithin(key, Atomics.load(words, TAKEN / 8))
    },
    close() {},
  }
}

/**
 * A board for a process: an unnamed file, whose bytes the kernel keeps in one place for both. A read that follows the other
 * side's write sees it.
 */
export function fileBoard(fd: number): ParentBoard & ChildBoard {
  const word = new BigInt64Array(1)
  const put = (at: number, value: bigint): void => {
    word[0] = value
    writeSync(fd, word, 0, 8, at)
  }
  const get = (at: number): bigint => {
    word[0] = 0n
    readSync(fd, word, 0, 8, at)
    return word[0]
  }
  const begun = (): number => Number(get(BEGUN))
  return {
    begun,
    takeBack(from, to) {
      put(TAKEN, rangeOf(from, to))
      return begun()
    },
    begin(key) {
      put(BEGUN, BigInt(key))
      return !isWithin(key, get(TAKEN))
    },
    close: () => closeSync(fd),
  }
}

/**
 * Opens a board's file, in the first folder that accepts one; its name is gone when this returns, so no clean-up is
 * needed. Throws the last folder's error.
 */
export function openBoardFile(folders: readonly string[] = [tmpdir(), '/dev/shm', process.cwd()]): number {
  const [first = '.', ...others] = folders
  try {
    return openIn(first)
  } catch (error) {
    if (others.length === 0) throw error
    return openBoardFile(others)
  }
}

function openIn(parent: string): number {
  const folder = mkdtempSync(join(parent, 'lovage-board-'))
  try {
    const fd = openSync(join(folder, 'board'), 'wx+', 0o600)
    writeSync(fd, Buffer.alloc(BYTES), 0, BYTES, 0)
    return fd
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

// Two halves of one word: half a range must never be seen.
const rangeOf = (from: number, to: number): bigint => (BigInt(from) << 32n) | BigInt(to)
const isWithin = (key: number, range: bigint): boolean =>
  key >= Number(range >> 32n) && key <= Number(range & 0xffff_ffffn)
