import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { execute, ROOT } from './run.mjs'

/** What shows how a file was made instead of what it is: a folder of one machine, a host that served a package, a replacement gone wrong. */
const TRACES = [
  { pattern: /(?<![\w.@-])\/(?:work|root|Users|tmp\/wt)\/[\w.-]+/, what: 'a path of one machine' },
  { pattern: /"resolved": "http/, what: 'the host of a registry', only: /package-lock\.json$/ },
  {
    // A replacement of texts that found its own result again.
    pattern: /\b([A-Za-z]\w*(?: \w+){0,5}) \1 \1\b/,
    what: 'the same words three times in a row',
    only: /\.(?:[jt]sx?|mjs|md)$/,
  },
  { pattern: /^(?:registry|.*:registry)\s*=/m, what: 'the host of a registry', only: /\.npmrc$/ },
]

/** Tracked files speak of the product alone. */
export async function checkTraces() {
  const { output } = await execute('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'])
  const findings = []
  for (const path of output.split('\0').filter((each) => each !== '')) {
    const text = readText(path)
    for (const { pattern, what, only } of TRACES) {
      const match = only === undefined || only.test(path) ? pattern.exec(text) : null
      if (match)
        findings.push(`${path}:${text.slice(0, match.index).split('\n').length}: ${what}: ${match[0]}`)
    }
  }
  return findings
}

function readText(path) {
  try {
    return readFileSync(join(ROOT, path), 'utf8')
  } catch {
    return '' // Deleted, but not yet committed.
  }
}
