// The papers of a package as its readers on a registry see them: links lead to the repository, the changelog is the package's own.
import { existsSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { ROOT } from './workspace.mjs'

const { repository } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
/** Where the repository can be looked at. */
export const SOURCES = repository.url.replace(/^git\+/, '').replace(/\.git$/, '')

/** Replaces the links and pictures of a page that stands in `folder` by links into the repository. */
export function withAbsoluteLinks(text, folder = '.') {
  return text.replaceAll(/(!?)\[((?:[^[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)/g, (whole, mark, label, href) => {
    if (/^(?:[a-z]+:|#)/.test(href)) return whole
    const [path, anchor] = href.split('#')
    const file = posix.join(folder, path)
    const kind = mark === '!' ? 'raw' : path.endsWith('/') ? 'tree' : 'blob'
    return `${mark}[${label}](${SOURCES}/${kind}/main/${file}${anchor === undefined ? '' : `#${anchor}`})`
  })
}

/** What marks an entry of the changelog as one of a package other than the engine. */
const OWN = {
  '@lovage/dashboard': /@lovage\/dashboard|lovage (?:dashboard|top|tasks)\b|[Dd]ashboard/,
  '@lovage/webhooks': /@lovage\/webhooks|lovage-webhooks/,
  'create-lovage': /npm create lovage/,
}

/** The part of the changelog that concerns a package: the engine has all that is no other package's. */
export function changelogOf(name, text) {
  const lines = text.split('\n')
  const kept = []
  let entry = []
  const close = () => {
    if (entry.length > 0 && concerns(name, entry.join('\n'))) kept.push(...entry)
    entry = []
  }
  for (const line of lines) {
    const isEntry = line.startsWith('- ')
    if (isEntry || !/^ {2}\S/.test(line)) close()
    if (isEntry || entry.length > 0) entry.push(line)
    else kept.push(line)
  }
  close()
  return kept.join('\n')
}

function concerns(name, entry) {
  if (name in OWN) return OWN[name].test(entry)
  return !Object.entries(OWN).some(([other, mark]) => mark.test(entry) && entry.startsWith(`- \`${other}`))
}

/** The papers of a package: file → text. The engine shows the repository's README, the others their own. */
export function papersOf(name) {
  const read = (path) => (existsSync(join(ROOT, path)) ? readFileSync(join(ROOT, path), 'utf8') : undefined)
  const readme = name === 'lovage' ? read('README.md') : undefined
  const papers = {
    LICENSE: read('LICENSE'),
    'CHANGELOG.md': withAbsoluteLinks(changelogOf(name, read('CHANGELOG.md'))),
    ...(readme === undefined ? {} : { 'README.md': withAbsoluteLinks(readme) }),
  }
  return Object.entries(papers).filter(([, text]) => text !== undefined)
}
