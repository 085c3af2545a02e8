import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { execute, ROOT } from './run.mjs'

/** Relative links of all Markdown pages lead to files that are there, and to headings that they have. */
export async function checkLinks() {
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '*.md']
  const { output } = await execute('git', list)
  return linksOf(output.split('\0').filter((path) => path !== '' && existsSync(join(ROOT, path))))
}

/** The broken links of these pages, as paths from the root of the repository. */
export function linksOf(pages) {
  const anchorsOf = new Map()
  const anchors = (file) => {
    if (!anchorsOf.has(file)) anchorsOf.set(file, headingsOf(readFileSync(file, 'utf8')))
    return anchorsOf.get(file)
  }
  return pages.flatMap((page) =>
    targetsOf(readFileSync(join(ROOT, page), 'utf8')).flatMap(({ target, line }) => {
      const [path, anchor] = target.split('#')
      const file = path === '' ? join(ROOT, page) : resolve(ROOT, dirname(page), decodeURIComponent(path))
      const where = `${page}:${line}: ${target}`
      if (!existsSync(file)) return [`${where}: there is no ${relative(ROOT, file)}`]
      if (!anchor || !file.endsWith('.md') || statSync(file).isDirectory()) return []
      return anchors(file).has(anchor) ? [] : [`${where}: ${relative(ROOT, file)} has no heading #${anchor}`]
    }),
  )
}

/** Targets of links and pictures that are neither addresses of the web nor in a block or span of code. */
function targetsOf(text) {
  const targets = []
  for (const { line, content } of proseOf(text)) {
    const prose = content.replace(/`[^`]*`/g, (code) => ' '.repeat(code.length))
    for (const [, inline, reference] of prose.matchAll(
      /\]\(<?([^)\s>]+)|^\s*\[[^\]]+\]:\s+<?(\S+?)>?\s*$/g,
    )) {
      const target = inline ?? reference
      if (target !== undefined && !/^([a-z][\w+.-]*:|\/\/)/i.test(target)) targets.push({ target, line })
    }
  }
  return targets
}

/** Anchors as GitHub makes them from headings: lower case, without punctuation, spaces as dashes, repeated ones counted. */
function headingsOf(text) {
  const [anchors, counts] = [new Set(), new Map()]
  for (const { content } of proseOf(text)) {
    for (const [, id] of content.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id)
    const heading = /^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$/.exec(content)?.[1]
    if (heading === undefined) continue
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M} _-]/gu, '')
      .replaceAll(' ', '-')
    const count = counts.get(slug) ?? 0
    counts.set(slug, count + 1)
    anchors.add(count === 0 ? slug : `${slug}-${count}`)
  }
  return anchors
}

/** The lines outside fenced blocks of code, with their numbers. */
function proseOf(text) {
  let fence = ''
  return text.split('\n').flatMap((content, at) => {
    const mark = /^\s*(`{3,}|~{3,})/.exec(content)?.[1]
    if (mark === undefined) return fence === '' ? [{ line: at + 1, content }] : []
    if (fence === '') fence = mark
    else if (mark.startsWith(fence)) fence = ''
    return []
  })
}
