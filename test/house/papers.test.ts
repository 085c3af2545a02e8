import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { installed } from '../../scripts/checks/licences.mjs'
import { changelogOf, withAbsoluteLinks } from '../../scripts/papers.mjs'
import { foldersToPublish, notesOf, originProblems, releaseProblems } from '../../scripts/release-plan.mjs'

const root = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))

test('links of a paper lead into the repository, and others stay', () => {
  const text = '[a](docs/a.md#b) ![p](docs/p.png) [c](https://x.org) [d](#e) [f](systems/)'
  expect(withAbsoluteLinks(text)).toBe(
    '[a](https://github.com/lovage-queue/lovage/blob/main/docs/a.md#b) ![p](https://github.com/lovage-queue/lovage/raw/main/docs/p.png) [c](https://x.org) [d](#e) [f](https://github.com/lovage-queue/lovage/tree/main/systems/)',
  )
})

test('each package has the entries of the changelog that concern it', () => {
  const text =
    '# Changelog\n\n## 1.2.0\n\n- `@lovage/webhooks`: signs\n  twice.\n- Tasks run.\n- `npm create lovage` asks nothing.\n'
  expect(changelogOf('lovage', text)).toBe(
    '# Changelog\n\n## 1.2.0\n\n- Tasks run.\n- `npm create lovage` asks nothing.\n',
  )
  expect(changelogOf('@lovage/webhooks', text)).toBe(
    '# Changelog\n\n## 1.2.0\n\n- `@lovage/webhooks`: signs\n  twice.\n',
  )
  expect(notesOf('1.2.0', text)).toMatch(/^- `@lovage\/webhooks`[\s\S]*nothing\.$/)
})

test('a release is refused for another version, and for one of which the changelog says nothing', () => {
  const published = foldersToPublish()
  expect(published.map(({ manifest }) => manifest.name).sort()).toEqual(
    expect.arrayContaining(['@lovage/dashboard', '@lovage/webhooks', 'create-lovage', 'lovage']),
  )
  const { version } = JSON.parse(readFileSync(root('packages/lovage/package.json'), 'utf8'))
  expect(releaseProblems(version, published, `# Changelog\n\n## ${version}\n\n- Something.\n`)).toEqual([])
  expect(releaseProblems('99.0.0', published, '')).toEqual(
    expect.arrayContaining([
      `lovage is ${version}, not 99.0.0`,
      'CHANGELOG.md has no entries below "## 99.0.0"',
    ]),
  )
  expect(releaseProblems('next', published, '')).toEqual(['"next" is no semantic version: 1.2.3'])
})

test('what the packages install is found through the lock file', () => {
  const names = installed().map(({ name }) => name)
  for (const name of ['ioredis', 'libsql', 'pino', 'thread-stream']) expect(names).toContain(name)
  expect(names).not.toContain('vitest')
})

test('packages are released from a clone of the repository that they name, and from no other', () => {
  const published = [
    { folder: 'one', manifest: { name: 'one', repository: { url: 'git+https://example.org/a/one.git' } } },
  ]
  for (const origin of [
    'https://example.org/a/one.git',
    'git@example.org:a/one.git',
    'https://example.org/a/one',
  ])
    expect(originProblems(published, origin)).toEqual([])
  expect(originProblems(published, 'https://example.org/b/one.git')).toEqual([
    'one names the repository git+https://example.org/a/one.git, but this is a clone of https://example.org/b/one.git',
  ])
  expect(originProblems(published, '')).toHaveLength(1)
})
