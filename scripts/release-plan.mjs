// What a release is made of, and what speaks against it. Pure but for reading manifests.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packages, ROOT } from './workspace.mjs'

/** The packages to publish: those that are built, each after what it needs, then the one that makes projects of them. */
export function foldersToPublish() {
  const folder = 'packages/create-lovage'
  const manifest = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'))
  const built = packages().filter(({ isPublished }) => isPublished)
  return [
    ...built.map(({ folder: place, manifest: own }) => ({ folder: place, manifest: own })),
    { folder, manifest },
  ]
}

/** Why a version cannot be released. */
export function releaseProblems(version, published, changelog) {
  if (!/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version))
    return [`${JSON.stringify(version)} is no semantic version: 1.2.3`]
  const found = published
    .filter(({ manifest }) => manifest.version !== version)
    .map(({ manifest }) => `${manifest.name} is ${manifest.version}, not ${version}`)
  for (const { manifest } of published) {
    if (!manifest.repository?.url || !manifest.license)
      found.push(`${manifest.name} names no repository or no licence`)
    if (manifest.private === true) found.push(`${manifest.name} is private`)
  }
  if (notesOf(version, changelog) === '') found.push(`CHANGELOG.md has no entries below "## ${version}"`)
  if (!existsSync(join(ROOT, 'LICENSE'))) found.push('LICENSE is missing')
  return found
}

/** Why packages cannot be released from a clone of `origin`: they name another repository, whose owner may be a stranger. */
export function originProblems(published, origin) {
  const place = (url) =>
    url.replace(/^git\+|\.git$/g, '').replace(/^(?:https:\/\/|ssh:\/\/git@|git@)([^/:]+)[/:]/, '$1/')
  return published
    .filter(({ manifest }) => place(manifest.repository?.url ?? '') !== place(origin))
    .map(
      ({ manifest }) =>
        `${manifest.name} names the repository ${manifest.repository?.url}, but this is a clone of ${origin || 'none'}`,
    )
}

/** What the changelog says of a version. */
export function notesOf(version, changelog) {
  const sections = changelog.split(/^## /m).slice(1)
  const section = sections.find((each) => each.split(/\s/)[0] === version)
  return section === undefined ? '' : section.split('\n').slice(1).join('\n').trim()
}
