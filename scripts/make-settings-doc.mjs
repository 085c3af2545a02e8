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
  for (const { heading, name, meaning, deprecated } of entries()) {
    const setting = SETTINGS[name]
    // What editors show, and what the log says.
    const why = setting.inert && `No effect here: ${setting.inert}.`
    if (why !== deprecated)
      throw new Error(`${name}: its docstring has "@deprecated ${deprecated}", not "@deprecated ${why}"`)
    if (setting.inert) {
      inert.push(`| \`${name}\` | ${meaning} | ${setting.inert} |`)
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
    'They are accepted, so that a configuration can be taken over as it is. Setting one logs a warning when the app is made, and editors',
    'strike it through (`@deprecated`).',
    '',
    '| Setting | What Celery does | Why it has no effect here |',
    '|---|---|---|',
    ...inert,
    '',
  )
  return lines.join('\n').replace(/\|\n## /g, '|\n\n## ')
}

/** The table's entries with the headings above them, and their docstrings: the meaning, and the reason of `@deprecated`. */
function* entries() {
  const table = readFileSync(join(ROOT, TABLE), 'utf8').split('export const SETTINGS')[1] ?? ''
  let heading = ''
  const parts =
    /^ {2}\/\/ --- (?<heading>.+)$|^ {2}\/\*\*(?<comment>(?:[^*]|\*(?!\/))*)\*\/\n {2}(?<name>\w+): /gm
  for (const { groups } of table.matchAll(parts)) {
    if (groups.heading) heading = groups.heading
    else {
      const [meaning, deprecated] = groups.comment
        .replaceAll(/\s*\n\s*\* ?/g, ' ')
        .split('@deprecated')
        .map((text) => text.trim().replaceAll('|', '\\|'))
      yield { heading, name: groups.name, meaning, deprecated }
    }
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
