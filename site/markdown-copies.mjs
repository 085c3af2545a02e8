// For machines: every page as plain Markdown beside its HTML, and llms.txt, which lists them (https://llmstxt.org).
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export function writeMarkdown({ root, outDir, pages, sections, placeOf }) {
  for (const page of pages) {
    const target = join(outDir, placeOf(page))
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, readFileSync(join(root, page)))
  }
  const lines = [
    '# Lovage',
    '',
    "> Celery for TypeScript: a distributed task queue that speaks Celery's own wire protocol, on Redis, RabbitMQ, PostgreSQL, SQLite or in memory.",
  ]
  for (const [title, files] of sections) {
    lines.push('', `## ${title}`, '')
    for (const [file, name] of files)
      lines.push(`- [${name}](/${placeOf(file)}): ${summaryOf(join(root, file))}`)
  }
  writeFileSync(join(outDir, 'llms.txt'), `${lines.join('\n')}\n`)
}

/** The first sentence of a page's first paragraph, without its marks. */
function summaryOf(path) {
  const text = readFileSync(path, 'utf8').replace(/^---\n[\s\S]*?\n---\n/, '')
  const paragraph = text.split(/\n{2,}/).find((block) => /^(?!```)[A-Z*[`_]/.test(block.trim())) ?? ''
  const plain = paragraph
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/[*_]/g, '')
    .replaceAll(/\s+/g, ' ')
  return (/^.*?[.:](?= |$)/.exec(plain)?.[0] ?? plain).replace(/:$/, '.').trim()
}
