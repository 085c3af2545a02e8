// A line chart as SVG, drawn by hand: nothing has to be installed for it.
const COLORS = ['#0969da', '#bc4c00', '#1a7f37']
const [WIDTH, HEIGHT] = [560, 260]
const BOX = { left: 66, right: WIDTH - 24, top: 56, bottom: HEIGHT - 46 }

/**
 * `labels` stand below the points of each of `series`, at equal distances; the axis of the values begins at 0.
 * @param {{ title: string, below: string, labels: string[], series: { name: string, values: number[] }[], unit?: string }} chart
 */
export function lineChart({ title, below, labels, series, unit = '' }) {
  const most = roundUp(Math.max(...series.flatMap(({ values }) => values)))
  const x = (place) => BOX.left + ((place + 0.5) / labels.length) * (BOX.right - BOX.left)
  const y = (value) => BOX.bottom - (value / most) * (BOX.bottom - BOX.top)
  const rows = [0, 0.25, 0.5, 0.75, 1].map(
    (part) =>
      `<line x1="${BOX.left}" x2="${BOX.right}" y1="${y(most * part)}" y2="${y(most * part)}" stroke="#d0d7de"/>` +
      `<text x="${BOX.left - 8}" y="${y(most * part) + 4}" text-anchor="end">${shown(most * part)}${unit}</text>`,
  )
  const columns = labels.map(
    (label, place) =>
      `<text x="${x(place).toFixed(1)}" y="${BOX.bottom + 18}" text-anchor="middle">${label}</text>`,
  )
  const lines = series.map(({ values }, nth) => {
    const points = values.map((value, place) => [x(place).toFixed(1), y(value).toFixed(1)])
    const dots = points.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="3" fill="${COLORS[nth]}"/>`)
    return `<polyline fill="none" stroke="${COLORS[nth]}" stroke-width="1.5" points="${points.join(' ')}"/>${dots.join('')}`
  })
  const legend = series.map(
    ({ name }, nth) =>
      `<rect x="${BOX.left + nth * 150}" y="32" width="14" height="4" fill="${COLORS[nth]}"/><text x="${BOX.left + nth * 150 + 20}" y="38">${name}</text>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" font-family="system-ui, sans-serif" font-size="12" fill="#24292f">
<title>${title}</title>
<rect width="100%" height="100%" fill="#fff"/>
<text x="${BOX.left}" y="20" font-size="14">${title}</text>
${[...legend, ...rows, ...columns].join('\n')}
<text x="${(BOX.left + BOX.right) / 2}" y="${HEIGHT - 8}" text-anchor="middle">${below}</text>
${lines.join('\n')}
</svg>
`
}

/** The next of 1, 2, 4, 5, 8 and 10 times a power of ten: quarters of it are short. */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-9)))
  return ([1, 2, 4, 5, 8, 10].find((step) => step * power >= value) ?? 10) * power
}

/** A number in few characters: 1.5 k, 20 k, 1 M. */
export function shown(number) {
  if (number >= 1e6) return `${Math.round(number / 1e5) / 10} M`
  if (number >= 1e3) return `${Math.round(number / 100) / 10} k`
  return String(Math.round(number * 100) / 100)
}
