// Canvases: node bench/canvas-child.mjs <worker|chord|chain|group> <url> <count>; prints one line of JSON.
import { chain, chord, group, Lovage, startWorker } from '../packages/lovage/dist/index.js'

const [what, url, counted] = process.argv.slice(2)
const count = Number(counted)
const app = new Lovage('bench', { broker: url, backend: url, taskDefaultQueue: 'bench', env: {} })
const noop = app.task({ name: 'bench.noop', run: (_ctx, x) => x })
const total = app.task({ name: 'bench.total', run: (_ctx, values) => values.length })
const wait = { timeout: 120 }

if (what === 'worker') {
  const worker = await startWorker(app, { concurrency: 100 })
  process.stdout.write('ready\n')
  process.once('SIGTERM', () => worker.stop().then(() => app.close()))
} else {
  const run = { chord: runChord, chain: runChain, group: sendGroup }[what]
  // Connected, and warm.
  await run(Math.max(2, Math.ceil(count / 10)))
  const figures = await run(count)
  process.stdout.write(`${JSON.stringify({ peer: 'Lovage', scenario: what, ...figures })}\n`)
  process.exit(0)
}

async function runChord(members) {
  const start = performance.now()
  const sent = await chord(
    Array.from({ length: members }, (_, place) => noop.s(place)),
    total.s(),
  ).delay()
  if ((await sent.get(wait)) !== members) throw new Error('members are missing')
  return { seconds: (performance.now() - start) / 1000 }
}

async function runChain(steps) {
  const start = performance.now()
  let canvas = noop.s(1)
  canvas = chain(canvas, ...Array.from({ length: steps - 1 }, () => noop.s()))
  const sent = await canvas.delay()
  if ((await sent.get(wait)) !== 1) throw new Error('the chain went wrong')
  return { seconds: (performance.now() - start) / 1000 }
}

/** Members are made while they are sent; nobody runs them. */
async function sendGroup(members) {
  function* made() {
    for (let place = 0; place < members; place++) yield noop.s(place)
  }
  globalThis.gc?.()
  const before = process.memoryUsage.rss()
  let peak = before
  const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 5)
  const start = performance.now()
  await group(made()).delay()
  const seconds = (performance.now() - start) / 1000
  clearInterval(watch)
  peak = Math.max(peak, process.memoryUsage.rss())
  return { seconds, growthMb: Math.round((peak - before) / 2 ** 20) }
}
