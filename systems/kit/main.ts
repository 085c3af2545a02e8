import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import { openStage } from './open-stage.js'
import { whyUnfit } from './places.js'
import type { Done, Places, System } from './stage.js'

const SYSTEMS = fileURLToPath(new URL('..', import.meta.url))
const USAGE =
  'npm run system -- NAME [--keep] [--log] [--broker URL] [--backend URL] [--database URL]\n\n' +
  'Starts a system, puts real work through it, and reports what was done. Without URLs everything is stored in a temporary folder; a broker and a database that are named must be empty; --log shows the logs of its processes.'

/** Runs the command line; resolves with the exit code. */
export async function main(words: readonly string[]): Promise<number> {
  let parsed: ReturnType<typeof parse>
  try {
    parsed = parse(words)
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`)
    return 64
  }
  const { values, positionals } = parsed
  const names = readdirSync(SYSTEMS).filter((name) => existsSync(`${SYSTEMS}${name}/system.ts`))
  const [name] = positionals
  if (name === undefined || values.help) {
    console.log(`${USAGE}\n`)
    for (const each of names) console.log(`  ${each.padEnd(18)} ${(await load(each)).summary}`)
    return 0
  }
  if (!names.includes(name)) {
    console.error(`There is no system ${name}; available systems are ${names.join(', ')}.`)
    return 64
  }
  const { broker, backend, database } = values
  const given = Object.fromEntries(Object.entries({ broker, backend, database }).filter(([, url]) => url))
  const unfit = await whyUnfit(given)
  if (unfit !== undefined) {
    console.error(unfit)
    return 78
  }
  return run(await load(name), `${SYSTEMS}${name}`, given, values)
}

const parse = (words: readonly string[]) =>
  parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      keep: { type: 'boolean' },
      log: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
      broker: { type: 'string' },
      backend: { type: 'string' },
      database: { type: 'string' },
    },
  })

async function run(
  system: System,
  folder: string,
  given: Partial<Places>,
  how: { readonly keep?: boolean | undefined; readonly log?: boolean | undefined },
): Promise<number> {
  const toStderr = (text: string): void => void process.stderr.write(text)
  const stage = await openStage(folder, given, how.log ? toStderr : undefined)
  const interrupted = (): void => void stage.close().finally(() => process.exit(130))
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  try {
    const hide = (url: string): string =>
      url.replace(stage.folder, '<temporary folder>').replace(/:[^:/@]+@/, ':…@')
    console.log(`${system.name}: ${system.summary}`)
    console.log(`messages ${hide(stage.places.broker)}, data ${hide(stage.places.database)}\n`)
    // What the app's modules read when they are imported.
    stage.set({
      CELERY_BROKER_URL: stage.places.broker,
      CELERY_RESULT_BACKEND: stage.places.backend,
      CELERY_BROKER_LEASE: '3',
      // RabbitMQ keeps messages alone: marks, limits and locks of the fleet lie in the database.
      ...(stage.places.broker.startsWith('amqp') ? { CELERY_COORDINATION_URL: stage.places.database } : {}),
      DATABASE_URL: stage.places.database,
    })
    const done = await system.run(stage)
    console.log(`\n${tableOf(done)}`)
    const failed = done.filter(({ ok }) => ok === false)
    for (const { what } of failed) console.log(`Not as expected: ${what}`)
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
    if (how.keep) await untilStopped(stage.shown)
    return failed.length === 0 ? 0 : 1
  } finally {
    await stage.close()
  }
}

function tableOf(done: readonly Done[]): string {
  const table = new Table({
    head: ['what was done', ''],
    colAligns: ['left', 'right'],
    style: { head: [], border: [] },
  })
  for (const { what, count, ok } of done) table.push([ok === false ? `! ${what}` : what, count])
  return table.toString()
}

async function untilStopped(shown: ReadonlyMap<string, string>): Promise<void> {
  console.log('\nIt keeps running; Ctrl+C stops it.')
  for (const [name, url] of shown) console.log(`  ${name.padEnd(18)} ${url}`)
  await new Promise<void>((resolve) => {
    const alive = setInterval(() => {}, 60_000)
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => {
        clearInterval(alive)
        resolve()
      })
  })
}

async function load(name: string): Promise<System> {
  // Every system.ts exports its system as the default; the type check of the workspace holds them to it.
  const module = (await import(pathToFileURL(`${SYSTEMS}${name}/system.ts`).href)) as { default: System }
  return module.default
}
