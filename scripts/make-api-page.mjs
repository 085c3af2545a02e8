// Puts the ten programs into docs/decisions/api.md, so that the page shows what the tests run. `--check` only compares.
import { readdir, readFile, writeFile } from 'node:fs/promises'

const page = new URL('../docs/decisions/api.md', import.meta.url)
const folder = new URL('../examples/ten-programs/', import.meta.url)
const TITLES = {
  '01-task.ts': 'A task and its call',
  '02-named-arguments.ts': 'Named arguments',
  '03-retries.ts': 'Retries',
  '04-python.ts': 'A task that lives in Python',
  '05-result.ts': 'A result awaited with a timeout',
  '06-routing.ts': 'Routing and priority',
  '07-eta.ts': 'An ETA',
  '08-schema.ts': 'A schema-checked payload',
  '09-web-handler.ts': 'A web handler that enqueues',
  '10-unit-test.ts': 'A unit test of a task',
}

const written = await readFile(page, 'utf8')
const sections = []
for (const [index, file] of (await readdir(folder))
  .filter((name) => name in TITLES)
  .sort()
  .entries()) {
  const code = await readFile(new URL(file, folder), 'utf8')
  sections.push(`## ${index + 1}. ${TITLES[file]}\n\n\`\`\`ts no-check\n${code}\`\`\`\n`)
}
const head = written.split(/^## 1\. /m)[0].trimEnd()
const fresh = `${head}\n\n${sections.join('\n')}`
if (process.argv.includes('--check')) {
  if (fresh === written) process.exit(0)
  console.error(
    'docs/decisions/api.md differs from examples/ten-programs/: run node scripts/make-api-page.mjs',
  )
  process.exit(1)
}
await writeFile(page, fresh)
