/**
 * A day of one queue and its autoscaled workers, second by second. Arrivals are Poisson; a replica has so many slots; a task of a second or
 * more holds one until it has run, shorter ones share it. The autoscaler is Kubernetes' own, as KEDA drives it: every 15 s, not for less
 * than 10 %, up at once, down to the most of the last five minutes. A replica takes a while to start, and one that goes finishes first.
 */
const DAY_S = 86_400
const SYNC_S = 15
const TOLERANCE = 0.1
const DOWN_WINDOW_S = 300

/** Seeded: every run of the simulation sees the same day. */
function randomFrom(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

function poisson(mean, random) {
  if (mean <= 0) return 0
  // For many, the normal distribution is as good.
  if (mean > 50) {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
    return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal))
  }
  let count = 0
  for (let product = random(), least = Math.exp(-mean); product > least; product *= random()) count++
  return count
}

/**
 * @param {object} day
 * @param {(second: number) => number} day.rate tasks a second
 * @param {number} day.runtimeS run time of a task, the engine's own part included
 * @param {number} day.slots tasks that a replica runs at once
 * @param {number} day.startS seconds until a replica works
 * @param {(load: { backlog: number, running: number }) => number} day.policy replicas for a load
 * @param {number} [day.most] the most replicas
 */
export function simulateDay({ rate, runtimeS, slots, startS, policy, most = 100, seed = 1 }) {
  const random = randomFrom(seed)
  const isShort = runtimeS < 1
  const perSlot = isShort ? 1 / runtimeS : 1
  const holdS = Math.max(1, Math.round(runtimeS))
  /** Tasks that wait, by the second in which they came: [second, count]. */
  const waiting = []
  let head = 0
  const endings = new Map()
  /** Seconds of waiting → tasks. */
  const waits = new Map()
  const starting = []
  const recent = []
  const total = { came: 0, done: 0, replicaSeconds: 0, peak: 0, peakBacklog: 0 }
  let [backlog, held, ready, going] = [0, 0, 1, 0]
  for (let second = 0; second < DAY_S || backlog + held > 0; second++) {
    const came = second < DAY_S ? poisson(rate(second), random) : 0
    if (came > 0) waiting.push([second, came])
    backlog += came
    total.came += came
    held -= endings.get(second) ?? 0
    endings.delete(second)
    while (starting.length > 0 && starting[0] <= second) {
      starting.shift()
      ready++
    }
    // Replicas that go end when their tasks have: those left must hold what runs.
    const needed = Math.ceil(held / slots)
    going = Math.max(0, Math.min(going, needed - ready))
    let room = Math.max(0, Math.floor((ready * slots - held) * perSlot))
    let begun = 0
    while (room > 0 && head < waiting.length) {
      const entry = waiting[head]
      const some = Math.min(room, entry[1])
      entry[1] -= some
      room -= some
      begun += some
      waits.set(second - entry[0], (waits.get(second - entry[0]) ?? 0) + some)
      if (entry[1] === 0) head++
    }
    backlog -= begun
    total.done += begun
    if (!isShort && begun > 0) {
      held += begun
      endings.set(second + holdS, (endings.get(second + holdS) ?? 0) + begun)
    }
    total.replicaSeconds += ready + starting.length + going
    total.peak = Math.max(total.peak, ready + starting.length)
    total.peakBacklog = Math.max(total.peakBacklog, backlog)
    if (second % SYNC_S !== 0) continue
    const now = ready + starting.length
    const running = isShort ? Math.min(ready * slots, Math.round(begun * runtimeS)) : held
    const wanted = Math.max(1, Math.min(most, policy({ backlog, running })))
    recent.push([second, wanted])
    while (recent[0][0] <= second - DOWN_WINDOW_S) recent.shift()
    if (Math.abs(wanted / now - 1) <= TOLERANCE) continue
    if (wanted > now) for (let each = now; each < wanted; each++) starting.push(second + startS)
    const least = Math.max(...recent.map(([, one]) => one))
    for (let each = now; each > least; each--) {
      if (starting.length > 0) starting.pop()
      else {
        ready--
        going++
      }
    }
  }
  return { ...total, replicaHours: total.replicaSeconds / 3600, ...percentiles(waits, total.done) }
}

function percentiles(waits, done) {
  const sorted = [...waits].sort(([left], [right]) => left - right)
  const at = (part) => {
    let sum = 0
    for (const [wait, count] of sorted) {
      sum += count
      if (sum >= part * done) return wait
    }
    return 0
  }
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), longest: sorted.at(-1)?.[0] ?? 0 }
}
