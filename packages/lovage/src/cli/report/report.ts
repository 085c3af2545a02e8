import { arch, platform, release } from 'node:os'
import type { AppCore } from '../../app/core/index.js'
import { SETTINGS, type SettingName } from '../../app/settings/index.js'
import { maskSecrets, messageOf, redactUrl } from '../../kernel/index.js'
import { packageVersion } from '../../process/index.js'

/** A server and its problem, if any. */
export interface Endpoint {
  readonly kind: string
  readonly location: string
  readonly problem?: string
  readonly advice: readonly string[]
}

/** The contents of a bug report. */
export interface Report {
  readonly versions: Readonly<Record<string, string>>
  readonly app: { readonly name: string; readonly file: string | null; readonly tasks: readonly string[] }
  readonly broker: Endpoint
  readonly results: Endpoint
  /** Settings that differ from the defaults, with secrets masked. */
  readonly settings: Readonly<Record<string, unknown>>
}

/** Collects the facts; an unreachable server is one of them. */
export async function report(app: AppCore, file: string | undefined): Promise<Report> {
  return {
    versions: {
      lovage: packageVersion(),
      node: process.versions.node,
      v8: process.versions.v8,
      system: `${platform()} ${release()} ${arch()}`,
    },
    app: { name: app.main, file: file ?? null, tasks: app.tasks.names() },
    broker: await endpoint(
      async () => {
        const broker = await app.broker()
        return { kind: broker.kind, location: broker.location, advice: await broker.check() }
      },
      () => redactUrl(app.brokerUrl),
    ),
    results: app.hasResults
      ? await endpoint(
          async () => {
            const results = await app.results()
            // A query without side effects that any backend answers.
            await results.get(['00000000-0000-0000-0000-000000000000'])
            return { kind: results.kind, location: results.location, advice: [] }
          },
          () => redactUrl(app.conf.resultBackend ?? app.brokerUrl),
        )
      : { kind: 'none', location: 'not kept', advice: [] },
    settings: changedSettings(app),
  }
}

async function endpoint(open: () => Promise<Endpoint>, where: () => string): Promise<Endpoint> {
  try {
    return await open()
  } catch (error) {
    const location = attempt(where) ?? '?'
    return { kind: location.split(':')[0] ?? '?', location, problem: messageOf(error), advice: [] }
  }
}

/** Even determining the URL may fail: there is no default in production. */
function attempt(where: () => string): string | undefined {
  try {
    return where()
  } catch {
    return undefined
  }
}

function changedSettings(app: AppCore): Readonly<Record<string, unknown>> {
  // The keys of the table are the names of the settings.
  const names = Object.keys(SETTINGS) as SettingName[]
  const changed = names.filter(
    (name) => JSON.stringify(app.conf[name]) !== JSON.stringify(SETTINGS[name].default),
  )
  return Object.fromEntries(changed.map((name) => [name, maskSecrets(name, app.conf[name])]))
}

/** The report for people. */
export function reportText({ versions, app, broker, results, settings }: Report): string {
  const lines = [
    ...Object.entries(versions).map(([name, version]) => `${name.padEnd(10)}${version}`),
    '',
    `${'app'.padEnd(10)}${app.name}${app.file === null ? '' : ` (${app.file})`}`,
    `${'tasks'.padEnd(10)}${app.tasks.length === 0 ? 'none' : app.tasks.join(', ')}`,
    ...endpointLines('broker', broker),
    ...endpointLines('results', results),
    '',
    'settings that differ from the defaults:',
    ...Object.entries(settings).map(([name, value]) => `  ${name}: ${JSON.stringify(value)}`),
  ]
  return lines.join('\n')
}

function endpointLines(label: string, { kind, location, problem, advice }: Endpoint): readonly string[] {
  const state = problem === undefined ? 'answers' : `does not answer: ${problem}`
  return [
    `${label.padEnd(10)}${kind} ${location}: ${state}`,
    ...advice.map((sentence) => `${''.padEnd(10)}${sentence}`),
  ]
}
