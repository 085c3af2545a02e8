import { readFileSync } from 'node:fs'

/** The version in package.json. */
export function ownVersion(): string {
  // Our own file, two folders up from the compiled one.
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  return version
}
