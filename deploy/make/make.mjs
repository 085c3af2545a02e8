/**
 * `npm run deploy:files` writes the files of `deploy/` that are made from the table in `systems.mjs`; with `--check` it says which are
 * stale, and writes none.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { cloudRunFiles } from './cloud-run.mjs'
import { composeFiles } from './compose.mjs'
import { envFiles } from './env.mjs'
import { grafanaFiles } from './grafana.mjs'
import { kubernetesFiles } from './kubernetes.mjs'
import { prometheusFiles } from './prometheus.mjs'
import { systemdFiles } from './systemd.mjs'

const DEPLOY = fileURLToPath(new URL('..', import.meta.url))

/** Every made file, by its path below `deploy/`. */
export const madeFiles = () => ({
  ...systemdFiles(),
  ...composeFiles(),
  ...kubernetesFiles(),
  ...cloudRunFiles(),
  ...prometheusFiles(),
  ...grafanaFiles(),
  ...envFiles(),
})

/** Paths of those that are not as they would be made now. */
export function staleFiles() {
  return Object.entries(madeFiles())
    .filter(([path, text]) => {
      try {
        const there = readFileSync(DEPLOY + path, 'utf8')
        // How JSON is laid out is the formatter's.
        return path.endsWith('.json')
          ? JSON.stringify(JSON.parse(there)) !== JSON.stringify(JSON.parse(text))
          : there !== text
      } catch {
        return true // It is not there.
      }
    })
    .map(([path]) => path)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const stale = staleFiles()
  if (process.argv.includes('--check')) {
    for (const path of stale) console.log(`deploy/${path} is stale: npm run deploy:files`)
    process.exitCode = stale.length > 0 ? 1 : 0
  } else {
    const files = madeFiles()
    for (const path of stale) {
      mkdirSync(dirname(DEPLOY + path), { recursive: true })
      writeFileSync(DEPLOY + path, files[path])
    }
    console.log(`${stale.length} files written`)
  }
}
