import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { command, filesBelow, ROOT } from './run.mjs'

const FOLDER = join(ROOT, '.snippets')

/**
 * Every `ts` block of README.md and docs/ type-checks against the sources. A block is a module of its own; one that is
 * fenced as `ts shop.ts` can be imported as './shop.js' by the other blocks of its page. `ts no-check` is left out, which
 * only pages of docs/decisions/ may say.
 */
export async function checkSnippets() {
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(FOLDER)
  const pages = ['README.md', 'CONTRIBUTING.md', 'ARCHITECTURE.md', 'docs', 'packages', 'examples'].flatMap(
    markdown,
  )
  const [findings, files] = [[], []]
  for (const page of pages) extract(page, findings, files)
  if (files.length === 0) return findings
  writeFileSync(
    join(FOLDER, 'tsconfig.json'),
    JSON.stringify({
      extends: '../tsconfig.json',
      compilerOptions: { noUnusedLocals: false, types: ['node'] },
      files,
    }),
  )
  findings.push(...(await command('tsc', ['-p', FOLDER, '--pretty', 'false'])).map(asInPages))
  if (findings.length === 0) rmSync(FOLDER, { recursive: true })
  return findings
}

function extract(page, findings, files) {
  const lines = readFileSync(join(ROOT, page), 'utf8').split('\n')
  for (const [at, line] of lines.entries()) {
    const info = /^\s*```(?:ts|typescript)\b\s*(.*)$/.exec(line)?.[1]
    if (info === undefined) continue
    if (info === 'no-check') {
      if (!page.startsWith('docs/decisions/'))
        findings.push(`${page}:${at + 1}: "no-check" is for docs/decisions/ only`)
      continue
    }
    const length = lines.slice(at + 1).findIndex((each) => each.trim() === '```')
    const name = /^[\w./-]+\.ts$/.test(info) ? info : `line-${at + 1}.ts`
    const file = join(FOLDER, page, name)
    mkdirSync(dirname(file), { recursive: true })
    // At the same line as in the page, so that the compiler's report points there. An empty export makes it a module.
    const code = lines.slice(at + 1, at + 1 + length).join('\n')
    files.push(file)
    writeFileSync(file, `${'\n'.repeat(at + 1)}${code}\nexport {}\n`)
  }
}

function markdown(place) {
  const path = join(ROOT, place)
  if (!existsSync(path)) return []
  return place.endsWith('.md')
    ? [place]
    : filesBelow(path, (each) => each.endsWith('.md') && !each.includes('dist/'))
}

function asInPages(output) {
  return output.replaceAll(/\.snippets\/(.+?\.md)\/([\w./-]+\.ts)\((\d+),(\d+)\)/g, '$1:$3:$4')
}
