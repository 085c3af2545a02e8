import { isMainThread, parentPort } from 'node:worker_threads'
import { tellParent } from '../../../process/index.js'
import type { FromChild, ToChild } from '../wire/frames.js'

/** The line to the parent, of a process or of a thread. */
export interface ParentPort {
  send(frame: FromChild): void
  /** Calls the listener for every frame, including those that arrived before it was set. */
  listen(on: (frame: ToChild) => void, onGone: () => void): void
  /** Ends this process or thread once everything sent is on its way. */
  exit(code: number): void
}

/** The line of the current process or thread. */
export function openParentPort(): ParentPort {
  return isMainThread ? processPort() : threadPort()
}

function processPort(): ParentPort {
  return {
    send: tellParent,
    listen(on, onGone) {
      process.on('message', (frame) => on(frame as ToChild))
      process.once('disconnect', onGone)
    },
    exit(code) {
      process.exitCode = code
      // An app may leave connections open that would keep the process alive; the line itself drains first.
      if (process.connected) process.disconnect()
      setImmediate(() => process.exit(code))
    },
  }
}

function threadPort(): ParentPort {
  const port = parentPort
  if (!port) throw new TypeError('this module runs in a thread of a pool')
  return {
    send: (frame) => port.postMessage(frame),
    listen(on, onGone) {
      port.on('message', (frame) => on(frame as ToChild))
      port.once('close', onGone)
    },
    exit(code) {
      setImmediate(() => process.exit(code))
    },
  }
}
