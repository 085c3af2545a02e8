/**
 * Keeps the end of a process and the work of its thread apart: libsql ends the process with SIGABRT if a thread is stopped inside one of
 * its calls, as `process.exit()` does (libsql 0.5.29). Two numbers that both sides share: whether the thread is inside a call, and whether
 * the process is ending.
 */
const INSIDE = 0
const ENDING = 1
const WORDS = 2

/** A call that takes longer than this is not waited for. */
const LONGEST_MS = 5_000

export const newExitGate = (): Int32Array<SharedArrayBuffer> =>
  new Int32Array(new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT))

/** In the thread: makes one call, unless the process is ending; then it waits for that. */
export function throughGate<T>(gate: Int32Array<SharedArrayBuffer>, call: () => T): T {
  Atomics.store(gate, INSIDE, 1)
  if (Atomics.load(gate, ENDING) === 1) {
    leave(gate)
    Atomics.wait(gate, ENDING, 1)
  }
  try {
    return call()
  } finally {
    leave(gate)
  }
}

function leave(gate: Int32Array<SharedArrayBuffer>): void {
  Atomics.store(gate, INSIDE, 0)
  if (Atomics.load(gate, ENDING) === 1) Atomics.notify(gate, INSIDE)
}

const gates = new Set<Int32Array<SharedArrayBuffer>>()

function endAll(): void {
  for (const gate of gates) Atomics.store(gate, ENDING, 1)
  const untilMs = performance.now() + LONGEST_MS
  for (const gate of gates)
    while (Atomics.load(gate, INSIDE) === 1 && performance.now() < untilMs)
      Atomics.wait(gate, INSIDE, 1, untilMs - performance.now())
}

/** In the main thread: from now until the returned function is called, the process ends between two calls. */
export function guardExit(gate: Int32Array<SharedArrayBuffer>): () => void {
  if (gates.size === 0) process.on('exit', endAll)
  gates.add(gate)
  return () => {
    gates.delete(gate)
    if (gates.size === 0) process.off('exit', endAll)
  }
}
