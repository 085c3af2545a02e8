import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packages } from '../workspace.mjs'
import { filesBelow, isTest, ROOT } from './run.mjs'

const MEDIAN = 110
const NINETY_PERCENT = 300
const LONGEST = 450
const ASSET = 80

/**
 * In each package half of the files have at most 110 lines, nine of ten at most 300, none has above 450 (nor has a test), Lua and SQL at
 * most 80.
 */
export async function checkLines() {
  return [
    ...packages().flatMap(({ folder }) => linesOf(folder)),
    ...tooLong(filesBelow(join(ROOT, 'test'), isCode)),
  ]
}

function linesOf(folder) {
  const all = filesBelow(join(ROOT, folder, 'src'), (path) => /\.(tsx?|lua|sql)$/.test(path))
  const code = all
    .filter((path) => isCode(path) && !isTest(path))
    .map((path) => ({ path, lines: lengthOf(path) }))
    .sort((a, b) => a.lines - b.lines)
  const at = (share) => code[Math.min(code.length - 1, Math.floor(code.length * share))]?.lines ?? 0
  const findings = tooLong(all)
  if (at(0.5) > MEDIAN)
    findings.push(`${folder}: the median file has ${at(0.5)} lines, allowed are ${MEDIAN}`)
  if (at(0.9) > NINETY_PERCENT) {
    const longest = code.slice(-10).map(({ path, lines }) => `${lines} ${path}`)
    findings.push(
      `${folder}: nine of ten files have up to ${at(0.9)} lines, allowed are ${NINETY_PERCENT}:\n${longest.join('\n')}`,
    )
  }
  return findings
}

const tooLong = (paths) =>
  paths
    .filter((path) => lengthOf(path) > allowed(path))
    .map((path) => `${path}: ${lengthOf(path)} lines, allowed are ${allowed(path)}`)

const lengthOf = (path) => readFileSync(join(ROOT, path), 'utf8').trimEnd().split('\n').length
const isCode = (path) => /\.tsx?$/.test(path)
const allowed = (path) => (isCode(path) ? LONGEST : ASSET)
