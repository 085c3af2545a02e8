import { parentPort, workerData } from 'node:worker_threads'

// A thread that dies on the first lease it has to keep, twice; the third stays alive. `starts` counts.
const { starts } = workerData as { readonly starts: SharedArrayBuffer }
const started = Atomics.add(new Int32Array(starts), 0, 1) + 1
parentPort?.on('message', ({ kind, lease }: { kind: string; lease?: { holder: string } }) => {
  if (kind !== 'keep') return
  if (started < 3) throw new Error('killed by the test')
  parentPort?.postMessage({ holder: lease?.holder })
})
