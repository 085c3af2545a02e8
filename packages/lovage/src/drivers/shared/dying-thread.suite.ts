import { parentPort } from 'node:worker_threads'
import type { LeaseRequest } from './lease-protocol.js'

// A thread that dies on the first lease it has to keep, twice; the third stays alive. `starts` counts.
let started = 0
parentPort?.on('message', (request: LeaseRequest) => {
  if (request.kind === 'open') {
    const { starts } = request.data as { readonly starts: SharedArrayBuffer }
    started = Atomics.add(new Int32Array(starts), 0, 1) + 1
  }
  if (request.kind !== 'keep') return
  if (started < 3) throw new Error('killed by the test')
  parentPort?.postMessage({ keeper: request.keeper, holder: request.lease.holder })
})
