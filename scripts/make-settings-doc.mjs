/** Writes docs/reference/settings.md from the table of settings: `npm run docs:settings`. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createJiti } from 'jiti'
import { madePage, ROOT } from './made-page.mjs'

const TABLE = 'packages/lovage/src/app/settings/table.ts'

async function document() {
  const { SETTINGS } = await createJiti(ROOT, { fsCache: false }).import(join(ROOT, TABLE))
  const lines = [
    `<!-- Made by \`npm run docs:settings\` from ${TABLE}: change it there. -->`,
    '# Settings',
    '',
    "Celery's settings under Celery's names in camelCase; Celery's own spellings (`task_routes`, `CELERY_TASK_ROUTES`) are read too.",
    'Code takes precedence over the command line, and the command line over the environment (`CELERY_…`). Units are seconds unless the',
    'name says otherwise. An unknown setting is an error that suggests the nearest known name.',
    '',
    'In code, pass settings to `new Lovage(name, { … })`, or read them from an object before the app connects; `app.conf` is read-only:',
    '',
    '```ts',
    "import { Lovage } from 'lovage'",
    '',
    '// As with Django: the names in an object or environment that have the prefix.',
    "const settings = { DEBUG: true, CELERY_BROKER_URL: 'redis://localhost', CELERY_WORKER_CONCURRENCY: '4' }",
    "export const app = new Lovage('shop').configFromObject(settings, { namespace: 'CELERY' })",
    '```',
    '',
    'Without a namespace every name is a setting, with or without `CELERY_` before it; names from before Celery 4 (`CELERYD_CONCURRENCY`,',
    "`CELERY_ROUTES`, `CELERYBEAT_SCHEDULE`, `BROKER_URL`) are read as well. With a namespace, text values are parsed: `'4'`, `'false'`, JSON. The",
    'command line reads a module of settings: `--config settings.ts`.',
    '',
  ]
  const inert = []
  let section = ''
  for (const { heading, name, meaning } of entries()) {
    const setting = SETTINGS[name]
    if (setting.inert) {
      inert.push(`| \`${name}\` | ${setting.inert} |`)
      continue
    }
    if (heading !== section) {
      section = heading
      lines.push(
        `## ${heading[0].toUpperCase()}${heading.slice(1)}`,
        '',
        '| Setting | Default | Meaning |',
        '|---|---|---|',
      )
    }
    lines.push(`| \`${name}\` | ${defaultOf(setting.default)} | ${meaning} |`)
  }
  lines.push(
    '',
    "## Celery's settings without effect here",
    '',
    'Setting one of these logs a warning; it is not an error.',
    '',
    '| Setting | Why |',
    '|---|---|',
    ...inert,
    '',
  )
  return lines.join('\n').replace(/\|\n## /g, '|\n\n## ')
}

/** The table's entries with the headings and comments above them. */
function* entries() {
  let heading = ''
  let meaning = ''
  let depth = false
  for (const line of readFileSync(join(ROOT, TABLE), 'utf8').split('\n')) {
    if (/^export const SETTINGS/.test(line)) depth = true
    if (!depth) continue
    heading = /^ {2}\/\/ --- (.+)$/.exec(line)?.[1] ?? heading
    const comment = /^ {2}\/\*\* (.+) \*\/$/.exec(line)?.[1]
    if (comment) meaning = comment
    const name = /^ {2}(\w+): /.exec(line)?.[1]
    if (!name) continue
    yield { heading, name, meaning: meaning.replaceAll('|', '\\|') }
    meaning = ''
  }
}

const defaultOf = (value) =>
  value === undefined || value === '' ? '–' : `\`${JSON.stringify(value).replace(/^"(.*)"$/, '$1')}\``

/** For `npm run check`. */
export const settingsDocIsFresh = await madePage({
  script: import.meta.url,
  path: 'docs/reference/settings.md',
  from: 'the table',
  command: 'docs:settings',
  document,
})
