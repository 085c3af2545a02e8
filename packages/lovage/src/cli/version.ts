import { readFileSync } from 'node:fs'

/** This package's version. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  // Our own file, checked by the build.
  return (JSON.parse(text) as { version: string }).version
}
