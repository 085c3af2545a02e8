// What `soak.mjs` runs: a little of everything that a worker keeps in its memory for a while. A part of the worker writes down what it holds.
import { appendFileSync, readFileSync } from 'node:fs'
import { Lovage } from '../packages/lovage/dist/index.js'

export const app = new Lovage('soak', { env: {}, broker: process.env.SOAK_URL, resultExpires: 60 })
app.task({ name: 'soak.plain', run: (_ctx, n) => n })
app.task({
  name: 'soak.again',
  run: (ctx, n) => {
    if (ctx.retries === 0) throw ctx.retry({ countdown: 1 })
    return n
  },
})
app.task({
  name: 'soak.fails',
  run: (_ctx, n) => {
    throw new RangeError(`no ${n}`)
  },
})
app.task({ name: 'soak.early', acksLate: false, ignoreResult: true, run: () => {} })

const { SOAK_FILE: file, SOAK_EVERY_MS: everyMs = '1000' } = process.env
const MB = 2 ** 20
const startedAt = performance.now()
app.steps.push({
  name: 'memory',
  start(worker) {
    if (file === undefined) return
    const write = () => {
      // What is held, not what nobody has collected yet.
      globalThis.gc?.()
      const { rss, heapUsed, external } = process.memoryUsage()
      const children = worker.pool.pids.filter((pid) => pid !== process.pid)
      const line = {
        s: (performance.now() - startedAt) / 1000,
        tasks: worker.processed,
        rssMb: children.reduce((sum, pid) => sum + residentMb(pid), rss / MB),
        heapMb: (heapUsed + external) / MB,
      }
      appendFileSync(file, `${JSON.stringify(line)}\n`)
    }
    this.timer = setInterval(write, Number(everyMs))
  },
  stop() {
    clearInterval(this.timer)
  },
})

function residentMb(pid) {
  try {
    const [, kib = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return Number(kib) / 1024
  } catch {
    // It ended between the listing and the look.
    return 0
  }
}
