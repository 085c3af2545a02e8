import { readFileSync } from 'node:fs'
import type { LoadFnOutput, LoadHookContext, ResolveFnOutput, ResolveHookContext } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { CompiledModule } from './cache.js'
import { sourceOf } from './candidates.js'
import { compile } from './compile.js'
import { importableCommonJs } from './importable-commonjs.js'
import { isTypeScript } from './source-files.js'

/** The target of an import that Node would not find; undefined otherwise. */
export function resolveSource(specifier: string, parentUrl: string | undefined): ResolveFnOutput | undefined {
  if (!parentUrl?.startsWith('file:')) return undefined
  const file = sourceOf(specifier, fileURLToPath(parentUrl))
  return file === undefined ? undefined : { url: pathToFileURL(file).href, shortCircuit: true }
}

/**
 * The compiled module of a TypeScript file; undefined for any other. CommonJS that is imported becomes an ES module that requires it: only
 * by `require` can it require others, and only so do its exports have names on every version of Node.
 */
export function loadSource(url: string, by: 'import' | 'require'): CompiledModule | undefined {
  if (!url.startsWith('file:')) return undefined
  const file = fileURLToPath(url)
  if (!isTypeScript(file)) return undefined
  const compiled = compile(file, readFileSync(file, 'utf8'))
  return compiled.format === 'commonjs' && by === 'import'
    ? { format: 'module', code: importableCommonJs(file, compiled.code) }
    : compiled
}

/** Node's hook, run in a thread of its own before Node 24. */
export async function resolve(
  specifier: string,
  context: ResolveHookContext,
  nextResolve: (specifier: string, context: ResolveHookContext) => ResolveFnOutput | Promise<ResolveFnOutput>,
): Promise<ResolveFnOutput> {
  return resolveSource(specifier, context.parentURL) ?? nextResolve(specifier, context)
}

/** Node's hook, for `import` alone: `require` has the extensions that `register` adds. */
export async function load(
  url: string,
  context: LoadHookContext,
  nextLoad: (url: string, context: LoadHookContext) => LoadFnOutput | Promise<LoadFnOutput>,
): Promise<LoadFnOutput> {
  const compiled = loadSource(url, 'import')
  return compiled
    ? { format: compiled.format, source: compiled.code, shortCircuit: true }
    : nextLoad(url, context)
}
