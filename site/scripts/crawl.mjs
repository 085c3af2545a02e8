// `node scripts/crawl.mjs FOLDER`: follows every link of the built site from its index. A link to a page, an asset or an anchor that is
// not there, and a page that no link reaches, is a failure.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

// TypeDoc numbers the second of two headings that differ in case alone; the generator of the site does not always.
const NUMBERED = /^reference\/api\/.*#[^#]+-\d+$/
const root = resolve(process.argv[2] ?? '.vitepress/dist')
const anchors = new Map()
const findings = []
const seen = new Set()
const queue = ['index.html']

for (let page = queue.shift(); page !== undefined; page = queue.shift()) {
  if (seen.has(page)) continue
  seen.add(page)
  for (const target of linksOf(page)) follow(page, target)
}
const pages = readdirSync(root, { recursive: true }).filter(
  (file) => file.endsWith('.html') && file !== '404.html',
)
for (const page of pages) if (!seen.has(page)) findings.push(`${page}: no link leads there`)
for (const needed of ['llms.txt', 'index.md', 'reference/settings.md'])
  if (!existsSync(join(root, needed))) findings.push(`${needed} is missing`)

console.log(findings.slice(0, 50).join('\n'))
console.log(`${seen.size} pages, ${findings.length} broken links`)
process.exitCode = findings.length === 0 && seen.size > 20 ? 0 : 1

function follow(from, href) {
  if (/^(?:[a-z]+:|\/\/)/i.test(href)) return
  const [path = '', anchor = ''] = href.split('#')
  const file = path === '' ? from : asFile(path.startsWith('/') ? path.slice(1) : join(dirname(from), path))
  if (!existsSync(join(root, file))) return findings.push(`${from}: ${href} is not there`)
  if (!file.endsWith('.html')) return undefined
  if (NUMBERED.test(`${file}#${anchor}`)) return queue.push(file)
  if (anchor !== '' && !anchorsOf(file).has(decodeURIComponent(anchor)))
    findings.push(`${from}: ${href} has no such anchor`)
  return queue.push(file)
}

function asFile(path) {
  const plain = decodeURIComponent(path).replace(/\?.*$/, '')
  if (plain === '' || plain.endsWith('/')) return `${plain}index.html`
  const full = join(root, plain)
  if (existsSync(full) && statSync(full).isDirectory()) return join(plain, 'index.html')
  return existsSync(full) ? relative(root, full) : `${plain}.html`
}

function linksOf(page) {
  const html = readFileSync(join(root, page), 'utf8')
  return [...html.matchAll(/<(?:a|img|link|script)\b[^>]*?\b(?:href|src)="([^"]*)"/g)].map(([, href]) =>
    href.replaceAll('&amp;', '&'),
  )
}

function anchorsOf(page) {
  if (!anchors.has(page)) {
    const html = readFileSync(join(root, page), 'utf8')
    anchors.set(
      page,
      new Set([...html.matchAll(/\bid="([^"]*)"/g)].map(([, id]) => id.replaceAll('&amp;', '&'))),
    )
  }
  return anchors.get(page)
}
