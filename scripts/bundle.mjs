// After the compiler has written the declarations, in the folder of a package: writes its code in few files, so that a process starts
// by reading tens of files rather than hundreds; with `--watch`, again after each change. Files that are started by their own name (doors, threads, child processes) keep it.

import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join, posix, relative, resolve } from 'node:path'
import { rolldown, watch } from 'rolldown'

const SOURCE = resolve('src')
const {
  dependencies = {},
  peerDependencies = {},
  exports: doors,
} = JSON.parse(readFileSync('package.json', 'utf8'))
/** Entered by name from outside the package's own code, without being doors of the package: by its command, and by tests. */
const INNER_DOORS = [
  'cli/main',
  'loader/index',
  'worker/index',
  'app/core/index',
  'drivers/index',
  'kernel/index',
]
/** `new URL('./thread.js', import.meta.url)` */
const STARTED = /new URL\('(\.[^']+)\.js', import\.meta\.url\)/g
/** The place of a source file's compiled code, for the files that stand beside it. */
const OWN_URL = /__OWN_URL__\("([^"]+)"\)/g

const sources = readdirSync(SOURCE, { recursive: true })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => /\.tsx?$/.test(path) && !/\.(d|test|test-d)\.tsx?$/.test(path))
const entries = new Set(INNER_DOORS)
// Programs of tests, named one by one.
for (const file of JSON.parse(readFileSync('tsconfig.build.json', 'utf8')).files ?? [])
  entries.add(file.replace(/^src\//, '').replace(/\.ts$/, ''))
for (const { default: path } of Object.values(doors))
  if (path?.startsWith('./dist/')) entries.add(path.slice('./dist/'.length, -'.js'.length))
for (const source of sources.filter((path) => !path.includes('.suite.')))
  for (const [, path] of readFileSync(join(SOURCE, source), 'utf8').matchAll(STARTED))
    entries.add(posix.join(posix.dirname(source), path))

const outside = [...Object.keys(dependencies), ...Object.keys(peerDependencies)]
const input = {
  input: Object.fromEntries([...entries].map((entry) => [entry, join(SOURCE, `${entry}.ts`)])),
  platform: 'node',
  external: (name) =>
    name.startsWith('node:') || outside.some((one) => name === one || name.startsWith(`${one}/`)),
  resolve: { extensionAlias: { '.js': ['.ts', '.tsx', '.js'] } },
  // Its modules have side effects for each other, whatever package.json tells those who bundle it with their own code.
  treeshake: false,
  transform: { target: 'node20' },
  plugins: [
    {
      name: 'places-of-files',
      transform(code, id) {
        if (!code.includes('import.meta.url')) return undefined
        const place = relative(SOURCE, id)
          .replaceAll('\\', '/')
          .replace(/\.tsx?$/, '.js')
        return { code: code.replaceAll('import.meta.url', `__OWN_URL__("${place}")`), map: null }
      },
      renderChunk(code, chunk) {
        if (!code.includes('__OWN_URL__')) return undefined
        const folder = posix.dirname(chunk.fileName)
        const placed = code.replaceAll(OWN_URL, (_, place) => {
          const path = posix.relative(folder, place)
          return `new URL(${JSON.stringify(path.startsWith('.') ? path : `./${path}`)}, import.meta.url).href`
        })
        return { code: placed, map: null }
      },
    },
  ],
}
const output = {
  dir: 'dist',
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: 'shared/[name]-[hash].js',
  sourcemap: true,
  keepNames: true,
}
if (process.argv.includes('--watch')) {
  watch({ ...input, output }).on('event', (event) => {
    if (event.code === 'BUNDLE_END') console.log(`built in ${event.duration} ms`)
    if (event.code === 'ERROR') console.error(event.error.message)
  })
} else {
  const bundle = await rolldown(input)
  const { output: written } = await bundle.write(output)
  await bundle.close()
  // Last, so that programs which run meanwhile find the former files.
  const current = new Set(written.map(({ fileName }) => fileName))
  for (const file of readdirSync('dist', { recursive: true }).map((path) => path.replaceAll('\\', '/')))
    if (/\.js(\.map)?$/.test(file) && !file.endsWith('client.js') && !current.has(file.replace(/\.map$/, '')))
      rmSync(join('dist', file))
}
