import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Lovage } from '../../app/index.js'
import { ConfigurationError } from '../../kernel/index.js'

/** The parts of the package used here; it is not a dependency of this one. */
export interface DashboardPackage {
  optionsHelp(): string
  runDashboard(
    app: Lovage,
    argv: readonly string[],
  ): Promise<{ readonly url: string; close(): Promise<void> }>
  runTasks(options: {
    readonly url: string
    readonly fleet?: string
    readonly search: string
    readonly limit: number
    readonly json: boolean
    readonly action?: string
    readonly confirm: (question: string) => Promise<boolean>
    readonly write: (line: string) => void
  }): Promise<boolean>
  runTop(
    options: {
      readonly url: string
      readonly fleet?: string
      readonly interval: number
      readonly once: boolean
    },
    screen: { readonly rows: number; readonly columns: number; write(text: string): void },
    signal: AbortSignal,
  ): Promise<void>
}

const NAME = '@lovage/dashboard'

/** Loads the package from the project, or from where this package is installed. */
export async function loadDashboard(): Promise<DashboardPackage> {
  for (const from of [join(process.cwd(), 'package.json'), import.meta.url]) {
    const path = resolved(from)
    if (path !== undefined) return (await import(pathToFileURL(path).href)) as DashboardPackage
  }
  throw new ConfigurationError(`The dashboard needs the package ${NAME}: npm install ${NAME}`, {
    code: 'LVG_DRIVER_MISSING',
    details: { package: NAME },
  })
}

function resolved(from: string): string | undefined {
  try {
    return createRequire(from).resolve(`${NAME}/cli`)
  } catch (error) {
    // Any error other than its absence is reported.
    if (error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}
