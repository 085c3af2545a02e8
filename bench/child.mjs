// Measures one peer in one scenario, in a process of its own; prints one line of JSON.
// node bench/child.mjs <peer> <publish|run|results|latency> <url> <count>
const [peer, scenario, url, counted] = process.argv.slice(2)
// celery-node writes two lines a task: the terminal's speed is not what is measured.
for (const level of ['log', 'info', 'debug']) console[level] = () => {}
// A peer that takes minutes for what takes others a second names the most that is asked of it.
const { open, name, most = Number.POSITIVE_INFINITY } = await import(`./peers/${peer}.mjs`)
const count = Math.min(Number(counted), most)
/** Calls in flight at once while publishing. */
const IN_FLIGHT = Math.min(1000, most)
const WARM_UP_MS = 1000
const MEASURED_MS = 3000
/** Of what is run, this share goes before what is counted. */
const WARM_UP = 0.2

let peakRss = 0
const watch = setInterval(() => (peakRss = Math.max(peakRss, process.memoryUsage.rss())), 20)
watch.unref()

const queue = await open({ url, results: scenario === 'results' })
const figures = await SCENARIOS()[scenario]()
process.stdout.write(
  `${JSON.stringify({ peer: name, scenario, ...figures, peakMb: Math.round(Math.max(peakRss, process.memoryUsage.rss()) / 2 ** 20) })}\n`,
)
await Promise.race([queue.close(), new Promise((resolve) => setTimeout(resolve, 2000))])
process.exit(0)

function SCENARIOS() {
  return { publish, run, results: run, latency, loop }
}

async function publishAll(total) {
  for (let sent = 0; sent < total; sent += IN_FLIGHT) await queue.publish(Math.min(IN_FLIGHT, total - sent))
}

/** For as long as it takes, not for as many as there are: a fast peer's few tasks would be its compiler's. */
async function publish() {
  const warm = await publishFor(WARM_UP_MS)
  const start = performance.now()
  const began = process.cpuUsage()
  const counted = await publishFor(MEASURED_MS)
  const { user, system } = process.cpuUsage(began)
  return {
    perSecond: counted / ((performance.now() - start) / 1000),
    cpuMicros: (user + system) / counted,
    sent: warm + counted,
  }
}

async function publishFor(ms) {
  let sent = 0
  for (const end = performance.now() + ms; performance.now() < end; sent += IN_FLIGHT)
    await queue.publish(IN_FLIGHT)
  return sent
}

/** Everything is queued before the worker starts; what warms it up is not counted. */
async function run() {
  const warm = Math.ceil(count * WARM_UP)
  await publishAll(warm + count)
  let done = 0
  let start = 0
  let cpu
  await new Promise((resolve, reject) => {
    const on = () => {
      done++
      if (done === warm) {
        start = performance.now()
        cpu = process.cpuUsage()
      }
      if (done === warm + count) resolve()
    }
    queue.work(on).catch(reject)
  })
  const { user, system } = process.cpuUsage(cpu)
  return {
    perSecond: count / ((performance.now() - start) / 1000),
    cpuMicros: (user + system) / count,
    ran: done,
  }
}

/** A producer and a worker in one process, the producer a bounded distance ahead: what the loop itself costs. */
async function loop() {
  const AHEAD = 2000
  let done = 0
  let sent = 0
  let finished = () => {}
  await queue.work(() => {
    if (++done === sent) finished()
  })
  const pump = async (total) => {
    const target = done + total
    while (done < target) {
      const batch = Math.min(AHEAD, target - done)
      const all = new Promise((resolve) => (finished = resolve))
      sent = done + batch
      await Promise.all([queue.publish(batch), all])
    }
  }
  await pump(Math.ceil(count * WARM_UP))
  const start = performance.now()
  await pump(count)
  return { perSecond: count / ((performance.now() - start) / 1000) }
}

/** From just before the call to the first line of the task, one at a time on an idle worker. */
async function latency() {
  let started = () => {}
  await queue.work(() => started())
  const samples = []
  for (let i = 0; i < count + 50; i++) {
    const began = new Promise((resolve) => (started = () => resolve(performance.now())))
    const sent = performance.now()
    await queue.one()
    const at = await began
    if (i >= 50) samples.push(at - sent)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  samples.sort((a, b) => a - b)
  const at = (share) => samples[Math.min(samples.length - 1, Math.floor(samples.length * share))]
  return { p50: at(0.5), p99: at(0.99) }
}
