import { fork } from 'node:child_process'
import { Worker } from 'node:worker_threads'
import { childExecArgv } from '../../../loader/index.js'
import { builtModule } from '../../../process/index.js'
import { fileBoard, memoryBoard, openBoardFile, type ParentBoard } from '../wire/board.js'
import type { FromChild, ToChild } from '../wire/frames.js'

/** A child's line, at the parent's end. */
export interface Transport {
  /** 0 for threads, which have none. */
  readonly pid: number
  readonly board: ParentBoard
  /** The board's memory, if it has any. */
  readonly memory?: SharedArrayBuffer
  send(frame: ToChild): void
  /** Kills the child, whatever it is doing. */
  kill(signal: NodeJS.Signals): void
}

/** The listener of a child. */
export interface TransportListener {
  readonly onFrame: (frame: FromChild) => void
  /** It is gone, and everything it sent has been received. */
  readonly onGone: (how: string, signal: NodeJS.Signals | null) => void
}

/** Starts a child. */
export type StartChild = (listener: TransportListener) => Transport

const MAIN = new URL('../child/child-main.js', import.meta.url)

/** A child process. It shares nothing with its parent but standard output and error. */
export const startProcess: StartChild = ({ onFrame, onGone }) => {
  const fd = openBoardFile()
  const child = fork(builtModule(MAIN), [], {
    execArgv: [...childExecArgv()],
    serialization: 'advanced',
    // The last one is BOARD_FD there.
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', fd],
  })
  let how: string | undefined
  let killedBy: NodeJS.Signals | null = null
  let isSilent = false
  // The line may still hold an outcome when the process has ended: only both together mean that it is gone.
  const check = (): void => {
    if (how !== undefined && isSilent) onGone(how, killedBy)
  }
  child.on('message', (frame) => onFrame(frame as FromChild))
  child.once('disconnect', () => {
    isSilent = true
    check()
  })
  child.once('exit', (code, signal) => {
    killedBy = signal
    how = signal === null ? `exit code ${code}` : `signal ${signal}`
    check()
  })
  // Not started, or a frame could not be written to a child that has just died: `exit` handles the rest.
  child.on('error', (error) => {
    if (child.pid !== undefined) return
    isSilent = true
    how = error.message
    check()
  })
  return {
    pid: child.pid ?? 0,
    board: fileBoard(fd),
    send(frame) {
      if (child.connected) child.send(frame)
    },
    kill: (signal) => void child.kill(signal),
  }
}

/** A thread. It shares the process: its memory, its file handles, and its end. */
export const startThread: StartChild = ({ onFrame, onGone }) => {
  const thread = new Worker(builtModule(MAIN), { execArgv: threadExecArgv() })
  const board = memoryBoard()
  let error: unknown
  thread.on('message', (frame: FromChild) => onFrame(frame))
  thread.once('error', (thrown) => {
    error = thrown
  })
  thread.once('exit', (code) => onGone(error instanceof Error ? error.message : `exit code ${code}`, null))
  return {
    pid: process.pid,
    board,
    memory: board.memory,
    send: (frame) => thread.postMessage(frame),
    kill: () => void thread.terminate(),
  }
}

/** Threads share the engine: only the flags that load modules apply to them. */
function threadExecArgv(): string[] {
  const all = childExecArgv()
  return all.filter(
    (flag, place) =>
      /^(--import|--require|-r)(=|$)/.test(flag) || /^(--import|--require|-r)$/.test(all[place - 1] ?? ''),
  )
}
