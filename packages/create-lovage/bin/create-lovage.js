#!/usr/bin/env node
// `npm create lovage [folder]`: copies the template, fills in names and versions, and prints what to run next.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { basename, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
const HELP = `Usage: npm create lovage [folder]

Writes a typed Lovage project: a task, a worker, a schedule, tests, a Dockerfile and a CI workflow.
The folder must be new or empty. Default: this folder if it is empty, else lovage-app.

  -h, --help     show this
  -v, --version  print the version`

/** npm leaves files of these names out of packages, so that the template has them under others. */
const RENAMED = { gitignore: '.gitignore', dockerignore: '.dockerignore', github: '.github' }

process.exitCode = main(process.argv.slice(2))

function main(args) {
  let given
  try {
    const options = { help: { type: 'boolean', short: 'h' }, version: { type: 'boolean', short: 'v' } }
    given = parseArgs({ args, allowPositionals: true, options })
  } catch (error) {
    return refuse(error.message)
  }
  const { values, positionals } = given
  if (values.help || values.version) {
    console.log(values.help ? HELP : version)
    return 0
  }
  if (positionals.length > 1) return refuse(`one folder, not ${positionals.length}: ${positionals.join(' ')}`)
  const folder = resolve(positionals[0] ?? (isEmpty(process.cwd()) ? '.' : 'lovage-app'))
  try {
    if (!isEmpty(folder))
      return refuse(
        `${folder} is not empty, and nothing is overwritten. Name another: npm create lovage my-tasks`,
      )
    write(folder)
  } catch (error) {
    return refuse(`${folder} cannot be written: ${error.message}`)
  }
  const place = relative(process.cwd(), folder)
  console.log(`A Lovage project is in ${folder}

${place === '' ? '' : `  cd ${place}\n`}  npm install
  npm test           # the tasks, on a broker in memory
  npm run dev        # a worker that starts again when a file changes; an embedded SQLite file is its broker
  npm run send       # in another terminal: calls a task and waits for its result

README.md says how to add Redis, and what to deploy.`)
  return 0
}

function write(folder) {
  mkdirSync(folder, { recursive: true })
  cpSync(fileURLToPath(new URL('../template/', import.meta.url)), folder, { recursive: true })
  for (const [from, to] of Object.entries(RENAMED)) renameSync(join(folder, from), join(folder, to))
  const names = { NAME: packageName(folder), APP: appName(folder), VERSION: version }
  for (const file of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue
    const path = join(file.parentPath ?? file.path, file.name)
    const text = readFileSync(path, 'utf8')
    writeFileSync(
      path,
      text.replaceAll(/\{\{(NAME|APP|VERSION)\}\}/g, (_, key) => names[key]),
    )
  }
}

function isEmpty(folder) {
  // A new repository has a .git, and nothing of it is touched.
  return !existsSync(folder) || readdirSync(folder).every((name) => name === '.git')
}

/** The folder's name as npm allows it. */
function packageName(folder) {
  const name = basename(folder)
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
  return name === '' ? 'lovage-app' : name
}

/** The first word of the tasks' names: letters and digits alone, so that Python can import a module of that name. */
function appName(folder) {
  return packageName(folder)
    .replaceAll('-', '_')
    .replace(/^(?=\d)/, 'app_')
}

function refuse(message) {
  console.error(`create-lovage: ${message}`)
  return 1
}
