import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import type { Lovage } from '../app/index.js'
import { ConfigurationError } from '../kernel/index.js'
import { appSpec, loadApp } from '../loader/index.js'

/** What every command takes, before or after its name. */
export interface GlobalOptions {
  readonly app?: string
  readonly broker?: string
  readonly resultBackend?: string
  readonly workdir?: string
  readonly quiet?: boolean
  readonly color?: boolean
}

/** Adds the options that every command takes. */
export function withGlobals(command: Command): Command {
  return command
    .option('-A, --app <module>', 'the app: a path or a dotted name, :attribute behind it if it is not `app`')
    .option('-b, --broker <url>', 'where messages are; stronger than the environment, weaker than code')
    .option('--result-backend <url>', 'where results are')
    .option('--workdir <folder>', 'the folder to work in')
    .addOption(new Option('-C, --no-color', 'no colours'))
    .option('-q, --quiet', 'say less')
}

/** Goes to the working folder, loads the app, and gives it what the command line says. */
export async function openApp(options: GlobalOptions): Promise<Lovage> {
  if (options.workdir) process.chdir(resolve(options.workdir))
  const spec = appSpec(options.app, process.env, process.cwd())
  if (!spec) {
    throw new ConfigurationError('Which app? Name its module with -A.', {
      code: 'LVG_APP_NOT_FOUND',
      hint: 'For example: lovage -A src/app.ts worker',
    })
  }
  const { app } = await loadApp(spec)
  return app.configFromCommandLine({
    ...(options.broker === undefined ? {} : { broker: options.broker }),
    ...(options.resultBackend === undefined ? {} : { backend: options.resultBackend }),
  })
}
