import { dirname } from 'node:path'
import { createPathsMatcher, getTsconfig } from 'get-tsconfig'

/** The options in a project's tsconfig.json that affect module resolution and output syntax. */
export interface ProjectOptions {
  /** Candidate files for an alias in `paths`, without extension; empty for anything else. */
  readonly aliased: (specifier: string) => readonly string[]
  readonly decorators: 'legacy' | 'standard'
  readonly decoratorMetadata: boolean
  /** Whether class fields are defined per the language standard, or assigned as older TypeScript did. */
  readonly definesFields: boolean
  readonly keepsUnusedImports: boolean
  readonly jsx: { readonly runtime: 'automatic' | 'classic'; readonly importSource?: string }
}

const NO_ALIASES = (): readonly string[] => []
const byFolder = new Map<string, ProjectOptions>()
const byConfig = new Map<string, ProjectOptions>()
const files: Map<string, unknown> = new Map()

/** The options of the nearest tsconfig.json above a file; TypeScript's own defaults where there is none. */
export function projectOptions(file: string): ProjectOptions {
  const folder = dirname(file)
  const known = byFolder.get(folder)
  if (known) return known
  const found = getTsconfig(folder, 'tsconfig.json', files)
  const options = (found && byConfig.get(found.path)) ?? optionsOf(found)
  if (found) byConfig.set(found.path, options)
  byFolder.set(folder, options)
  return options
}

function optionsOf(found: ReturnType<typeof getTsconfig>): ProjectOptions {
  const options = found?.config.compilerOptions ?? {}
  const target = options.target?.toLowerCase()
  const isOldTarget = target !== undefined && /^es(3|5|6|20(1\d|20|21))$/.test(target)
  return {
    aliased: (found && createPathsMatcher(found)) ?? NO_ALIASES,
    decorators: options.experimentalDecorators ? 'legacy' : 'standard',
    decoratorMetadata: options.emitDecoratorMetadata ?? false,
    definesFields: options.useDefineForClassFields ?? !isOldTarget,
    keepsUnusedImports: options.verbatimModuleSyntax ?? false,
    jsx: {
      runtime: options.jsx === 'react' ? 'classic' : 'automatic',
      ...(options.jsxImportSource === undefined ? {} : { importSource: options.jsxImportSource }),
    },
  }
}
