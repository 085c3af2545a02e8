import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitepress'
import { writeMarkdown } from '../markdown-copies.mjs'
import { placeOf, SECTIONS } from '../sections.mjs'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const { repository } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
const SOURCES = (repository?.url ?? 'https://example.org/lovage').replace(/^git\+/, '').replace(/\.git$/, '')
/** Pages beside `docs/` that are on the site, too; everything else of the repository is linked where it stands. */
const BESIDE = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'bench/RESULTS.md', 'deploy/README.md', 'systems/README.md'] // biome-ignore format: a list

const isPage = (file) => /^(?:docs|site\/api)\/.*\.md$/.test(file) || BESIDE.includes(file)
const link = (file) => `/${placeOf(file).replace(/(?:index)?\.md$/, '')}`

export default defineConfig({
  title: 'Lovage',
  description: 'Celery for TypeScript: a distributed task queue on Celery’s own wire.',
  // The pages themselves, where they stand: nothing is copied.
  srcDir: ROOT,
  srcExclude: ['**/node_modules/**', 'findings/**', 'examples/**', 'packages/**', 'systems/*/**', 'test/**', 'site/node_modules/**', '.snippets/**'], // biome-ignore format: a list
  rewrites: (file) => placeOf(file),
  cleanUrls: false,
  lastUpdated: false,
  // Pages stand above this folder, where no package is installed.
  vite: { build: { chunkSizeWarningLimit: 4000 }, plugins: [vueOfThisFolder()] },
  markdown: {
    // Braces after a code span are a part of a path.
    attrs: { disable: true },
    config(md) {
      // Text in angle brackets is text, not a tag of Vue; the notes of generated pages are for their editors.
      md.set({ html: false })
      md.core.ruler.before('normalize', 'notes', (state) => {
        state.src = state.src.replaceAll(/^<!--[\s\S]*?-->$/gm, '')
      })
      md.core.ruler.push('links-to-sources', (state) => linksToSources(state.tokens, state.env))
      md.core.ruler.push('plain-fences', (state) => plainFences(state.tokens))
    },
  },
  themeConfig: {
    search: {
      provider: 'local',
      // Who searches for a word wants the page about it first, and then each of the fields that are named so.
      options: {
        miniSearch: {
          searchOptions: { boostDocument: (id) => (/\/(?:api|decisions)\/|changelog/.test(id) ? 0.2 : 1) },
        },
      },
    },
    outline: [2, 3],
    nav: [
      { text: 'Start', link: '/start/first-task' },
      { text: 'Learn', link: '/learn/defining-tasks' },
      { text: 'Operate', link: '/operate/handbook' },
      { text: 'Reference', link: '/reference/settings' },
    ],
    sidebar: SECTIONS.map(([text, pages]) => ({
      text,
      collapsed: text !== 'Start' && text !== 'Learn',
      items: pages.map(([file, title]) => ({ text: title, link: link(file) })),
    })),
  },
  buildEnd: ({ outDir, pages }) => writeMarkdown({ root: ROOT, outDir, pages, sections: SECTIONS, placeOf }),
})

/** Pages import Vue from above this folder, where it is not installed. What is rendered here finds it when it runs. */
function vueOfThisFolder() {
  return {
    name: 'vue-of-this-folder',
    enforce: 'pre',
    resolveId(id, _importer, { ssr }) {
      if (!/^vue(?:\/|$)/.test(id)) return undefined
      return ssr
        ? { id, external: true }
        : this.resolve(id, fileURLToPath(import.meta.url), { skipSelf: true })
    },
  }
}

/** A link to a page leads to its place on the site; one out of the site leads to the file in the repository; one to nothing stays, so that the build refuses it. */
function linksToSources(tokens, { realPath, path = realPath }) {
  for (const token of tokens) {
    if (token.children) linksToSources(token.children, { realPath, path })
    if (token.type !== 'link_open') continue
    const href = token.attrGet('href')
    if (!href || /^(?:[a-z]+:|#|\/)/.test(href)) continue
    const [target, anchor] = decodeURI(href).split('#')
    const full = join(dirname(realPath ?? path), target)
    if (!existsSync(full)) continue
    const file = relative(ROOT, full)
    if (isPage(file)) {
      token.attrSet('href', `${link(file)}${anchor === undefined ? '' : `#${anchor}`}`)
      continue
    }
    const kind = statSync(full).isDirectory() ? 'tree' : 'blob'
    token.attrSet('href', `${SOURCES}/${kind}/main/${file}`)
  }
}

/** A fence's file name is for the tests of the snippets, and for readers. */
function plainFences(tokens) {
  for (const token of tokens) {
    if (token.type !== 'fence') continue
    const [language = '', name] = token.info.trim().split(/\s+/)
    token.info = name === undefined || name === 'no-check' ? language : `${language} [${name}]`
  }
}
