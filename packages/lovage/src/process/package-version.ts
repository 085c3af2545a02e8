import { readFileSync } from 'node:fs'

let version: string | undefined

/** This package's version. */
export function packageVersion(): string {
  if (version === undefined) {
    const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
    // Our own package.json, checked by the build.
    version = (JSON.parse(text) as { version: string }).version
  }
  return version
}
