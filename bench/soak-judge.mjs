// What samples of memory over a long run say, and how they look: `{ s, tasks, rssMb, heapMb }` each.

/** The first fifth is the start: code is compiled, pools and caches fill. */
const START = 0.2
/** Fewer samples, or a shorter time, say nothing about a trend. */
const FEWEST = 30
const SHORTEST_S = 60
/** Pages go back to the system when they like: what is held is the least of so many samples. */
const WINDOW = 4
/** Growth over the run that is noise, whichever is more: of what waits at the moment, and of young objects, whose space follows the load. */
const NOISE = { heapMb: { mb: 3, share: 0.03 }, rssMb: { mb: 10, share: 0.08 } }

/** Whether memory was flat after the start: the trend of what was held, not two numbers. `isFlat` is null for a run that is too short to tell. */
export function judge(samples) {
  const steady = samples.slice(Math.floor(samples.length * START))
  const [first, last] = [steady[0], steady.at(-1)]
  const isLong = steady.length >= FEWEST && last.s - first.s >= SHORTEST_S
  const trends = Object.entries(NOISE).map(([what, { mb, share }]) => {
    const points = floors(steady.map((one) => ({ tasks: one.tasks, mb: one[what] })))
    const held = median(points.map((one) => one.mb))
    const grewMb = slope(points) * ((last?.tasks ?? 0) - (first?.tasks ?? 0))
    return [what, { held: round(held), grewMb: round(grewMb), isFlat: grewMb <= Math.max(mb, held * share) }]
  })
  const steadyTasks = (last?.tasks ?? 0) - (first?.tasks ?? 0)
  const { heapMb, rssMb } = Object.fromEntries(trends)
  return {
    isFlat: isLong ? heapMb.isFlat && rssMb.isFlat : null,
    steadyTasks,
    heapMb: heapMb.held,
    heapGrewMb: heapMb.grewMb,
    heapBytesPerTask: round((heapMb.grewMb * 2 ** 20) / Math.max(1, steadyTasks)),
    rssMb: rssMb.held,
    rssGrewMb: rssMb.grewMb,
  }
}

/** The lowest of each window. */
function floors(points) {
  const found = []
  for (let at = 0; at + WINDOW <= points.length; at += WINDOW)
    found.push(points.slice(at, at + WINDOW).reduce((least, one) => (one.mb < least.mb ? one : least)))
  return found.length > 1 ? found : points
}

/** Megabytes a task: the median of the slopes between any two points, which single outliers do not move. */
function slope(points) {
  const slopes = points.flatMap((one, place) =>
    points
      .slice(place + 1)
      .flatMap((other) => (other.tasks > one.tasks ? [(other.mb - one.mb) / (other.tasks - one.tasks)] : [])),
  )
  return slopes.length === 0 ? 0 : median(slopes)
}

function median(numbers) {
  const sorted = [...numbers].sort((one, other) => one - other)
  const middle = (sorted.length - 1) / 2
  return sorted.length === 0 ? 0 : ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2
}

const round = (number) => Math.round(number * 100) / 100

/** At most so many samples, evenly. */
export const thin = (samples, most = 400) =>
  samples.filter((_, place) => place % Math.ceil(samples.length / most) === 0)

/** Resident memory and heap over tasks, drawn by hand: nothing has to be installed for it. */
export function chart(samples, title) {
  const [width, height] = [760, 320]
  const box = { left: 64, right: width - 20, top: 48, bottom: height - 46 }
  const tasks = Math.max(1, ...samples.map((one) => one.tasks))
  const mostMb = roundUp(Math.max(1, ...samples.map(({ rssMb, heapMb }) => Math.max(rssMb, heapMb))) * 1.1)
  const x = (count) => box.left + (count / tasks) * (box.right - box.left)
  const y = (mb) => box.bottom - (mb / mostMb) * (box.bottom - box.top)
  const parts = [0, 0.25, 0.5, 0.75, 1]
  const rows = parts.map(
    (part) =>
      `<line x1="${box.left}" x2="${box.right}" y1="${y(mostMb * part)}" y2="${y(mostMb * part)}" stroke="#d0d7de"/>` +
      `<text x="${box.left - 8}" y="${y(mostMb * part) + 4}" text-anchor="end">${Math.round(mostMb * part)} MB</text>`,
  )
  const columns = parts.map(
    (part) =>
      `<text x="${x(tasks * part)}" y="${box.bottom + 18}" text-anchor="${part === 1 ? 'end' : 'middle'}">${short(tasks * part)}</text>`,
  )
  const line = (what, color) =>
    `<polyline fill="none" stroke="${color}" stroke-width="1.5" points="${thin(samples)
      .map((one) => `${x(one.tasks).toFixed(1)},${y(one[what]).toFixed(1)}`)
      .join(' ')}"/>`
  const legend = (place, color, text) =>
    `<rect x="${place}" y="27" width="14" height="4" fill="${color}"/><text x="${place + 20}" y="33">${text}</text>`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="12" fill="#24292f">
<title>Memory of a worker over a long run</title>
<rect width="100%" height="100%" fill="#fff"/>
<text x="${box.left}" y="18" font-size="14">${title}</text>
${legend(box.left, '#0969da', 'resident, children included')}${legend(box.left + 210, '#1a7f37', 'heap and buffers of the worker')}
${rows.join('\n')}
${columns.join('\n')}
<text x="${(box.left + box.right) / 2}" y="${height - 8}" text-anchor="middle">tasks that have ended</text>
${line('rssMb', '#0969da')}
${line('heapMb', '#1a7f37')}
</svg>
`
}

const roundUp = (mb) => Math.ceil(mb / 20) * 20

function short(count) {
  if (count >= 1e6) return `${Math.round(count / 1e5) / 10} M`
  return count >= 1e4 ? `${Math.round(count / 1e3)} k` : String(Math.round(count))
}
