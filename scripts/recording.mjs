/**
 * Makes the README's recordings: `npm run recording` runs the demo and keeps what it prints, line by line at its time, as an animated
 * SVG; the dashboard's pictures, which its browser tests take (`LOVAGE_PICTURES`), become one animated PNG.
 */
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { animatedPng } from './animated-png.mjs'
import { ROOT } from './workspace.mjs'

const DEMO = 'docs/demo.svg'
const TOUR = 'docs/dashboard/tour.png'
const PAGES = ['overview', 'tasks', 'task', 'workflow', 'queues', 'dead-letters']

const COLUMNS = 112
const ROWS = 26
const LINE = 18
const CHARACTER = 7.8
const PADDING = 14
/** A longer pause, while programs start, is shortened to this. */
const LONGEST_PAUSE_MS = 1200
/** How long the last picture stays before it begins again. */
const REST_MS = 8000

/** What a program prints, and when, in lines of the terminal's width. */
async function recorded(program, words) {
  const child = spawn(program, words, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = []
  let rest = ''
  let lastMs = performance.now()
  let atMs = 0
  child.stdout.setEncoding('utf8').on('data', (text) => {
    const nowMs = performance.now()
    atMs += Math.min(nowMs - lastMs, LONGEST_PAUSE_MS)
    lastMs = nowMs
    const parts = stripVTControlCharacters(rest + text).split('\n')
    rest = parts.pop() ?? ''
    for (const line of parts)
      for (let from = 0; from === 0 || from < line.length; from += COLUMNS)
        lines.push({ line: line.slice(from, from + COLUMNS), atMs })
  })
  const code = await new Promise((resolve) => child.once('close', resolve))
  if (code !== 0) throw new Error(`${program} ${words.join(' ')} ended with ${code}`)
  return lines
}

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** A terminal: each line appears at its time, and the whole moves up by a line when there is no room. */
function terminal(command, lines) {
  const shown = [{ line: `$ ${command}`, atMs: 0 }, ...lines]
  const totalMs = Math.ceil((shown.at(-1)?.atMs ?? 0) + REST_MS)
  const share = (ms) => ((100 * ms) / totalMs).toFixed(2)
  const [width, height] = [COLUMNS * CHARACTER + 2 * PADDING, ROWS * LINE + 2 * PADDING]
  // Of several lines in one moment, the last counts.
  const steps = new Map()
  for (const [index, { atMs }] of shown.entries())
    if (index >= ROWS) steps.set(share(atMs), (index - ROWS + 1) * LINE)
  const texts = shown.map(({ line, atMs }, index) => {
    const text = `<text x="0" y="${(index + 1) * LINE - 4}" style="animation-name:l${index}">${escaped(line)}</text>`
    if (atMs === 0) return text
    return `${text}<style>@keyframes l${index}{0%{opacity:0}${share(atMs)}%,100%{opacity:1}}</style>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>The demo: 500 webhooks through workers that are killed</title>
<desc>${escaped(shown.map(({ line }) => line).join('\n'))}</desc>
<style>
svg{background:#11151c;border-radius:8px}
text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#d7dde6;white-space:pre;animation:${totalMs}ms step-end infinite}
.up{animation:up ${totalMs}ms step-end infinite}
@keyframes up{0%{transform:none}${[...steps].map(([at, up]) => `${at}%{transform:translateY(${-up}px)}`).join('')}}
@media (prefers-reduced-motion:reduce){text,.up{animation:none}.up{transform:translateY(${-Math.max(0, shown.length - ROWS) * LINE}px)}}
</style>
<clipPath id="screen"><rect width="${width - 2 * PADDING}" height="${ROWS * LINE}"/></clipPath>
<g transform="translate(${PADDING} ${PADDING})" clip-path="url(#screen)"><g class="up">
${texts.join('\n')}
</g></g>
</svg>
`
}

const demo = await recorded(process.execPath, ['examples/demo/run.mjs'])
writeFileSync(join(ROOT, DEMO), terminal('npm run demo', demo))
writeFileSync(
  join(ROOT, TOUR),
  animatedPng(
    PAGES.map((page) => readFileSync(join(ROOT, `docs/dashboard/${page}-light.png`))),
    3000,
  ),
)
console.log(`${DEMO} and ${TOUR} are written`)
