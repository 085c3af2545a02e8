import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { packages } from '../workspace.mjs'
import { command, filesBelow, isTest, ROOT } from './run.mjs'

const FOLDER = join(ROOT, '.snippets')

/**
 * Every `ts` block of README.md and docs/ type-checks against the sources. A block is a module of its own; one that is
 * fenced as `ts shop.ts` can be imported as './shop.js' by the other blocks of its page. `ts no-check` is left out, which
 * only pages of docs/decisions/ may say. So does every `@example` of the published packages; an app, two tasks and an id are there for it.
 */
export async function checkSnippets() {
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(FOLDER)
  const pages = ['README.md', 'CONTRIBUTING.md', 'ARCHITECTURE.md', 'docs', 'packages', 'examples'].flatMap(
    markdown,
  )
  const [findings, files] = [[], []]
  for (const page of pages) extract(page, findings, files)
  for (const { folder } of packages().filter((each) => each.isPublished))
    for (const file of filesBelow(join(ROOT, folder, 'src'), isSource)) extractExamples(file, files)
  const globals = join(FOLDER, 'globals.ts')
  writeFileSync(globals, GLOBALS)
  files.push(globals)
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

/** What the examples of docstrings need not make themselves. */
const GLOBALS = `import { Lovage } from 'lovage'
const shop = new Lovage('shop')
const sum = shop.task({ name: 'add', run: (_ctx, x: number, y: number) => x + y })
const send = shop.task({ name: 'mail.send', run: (_ctx, to: string) => to.length })
declare global {
  const app: typeof shop
  const add: typeof sum
  const mail: typeof send
  const id: string
}
`

const isSource = (path) => /\.tsx?$/.test(path) && !isTest(path)

/** The code after each `@example`, to the next tag or the end of the comment; fences and stars are left out, lines stay where they are. */
function extractExamples(source, files) {
  const lines = readFileSync(join(ROOT, source), 'utf8').split('\n')
  for (const [at, line] of lines.entries()) {
    const first = /^\s*(?:\/\*)?\*\s*@example\b ?(.*)$/.exec(line)?.[1]
    if (first === undefined) continue
    const code = [first.replace(/\*\/\s*$/, '')]
    for (const next of lines.slice(at + 1)) {
      const text = /^\s*\* ?(.*)$/.exec(next)?.[1]
      if (text === undefined || next.trim() === '*/' || text.startsWith('@') || first.endsWith('*/')) break
      code.push(text.startsWith('```') ? '' : text)
    }
    const file = join(FOLDER, source, `line-${at + 1}.ts`)
    mkdirSync(dirname(file), { recursive: true })
    files.push(file)
    writeFileSync(file, `${'\n'.repeat(at)}${code.join('\n')}\nexport {}\n`)
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
  return output.replaceAll(/\.snippets\/(.+?\.(?:md|tsx?))\/([\w./-]+\.ts)\((\d+),(\d+)\)/g, '$1:$3:$4')
}
