import { readFileSync } from 'node:fs'
import type { LoadFnOutput, LoadHookContext, ResolveFnOutput, ResolveHookContext } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { sourceOf } from './candidates.js'
import { compile } from './compile.js'
import { isTypeScript } from './source-files.js'

/** The target of an import that Node would not find; undefined otherwise. */
export function resolveSource(specifier: string, parentUrl: string | undefined): ResolveFnOutput | undefined {
  if (!parentUrl?.startsWith('file:')) return undefined
  const file = sourceOf(specifier, fileURLToPath(parentUrl))
  return file === undefined ? undefined : { url: pathToFileURL(file).href, shortCircuit: true }
}

/** The compiled module of a TypeScript file; undefined for any other. */
export function loadSource(url: string) {
  if (!url.startsWith('file:')) return undefined
  const file = fileURLToPath(url)
  return isTypeScript(file) ? compile(file, readFileSync(file, 'utf8')) : undefined
}

/** Node's hook, run in a thread of its own before Node 24. */
export async function resolve(
  specifier: string,
  context: ResolveHookContext,
  nextResolve: (specifier: string, context: ResolveHookContext) => ResolveFnOutput | Promise<ResolveFnOutput>,
): Promise<ResolveFnOutput> {
  return resolveSource(specifier, context.parentURL) ?? nextResolve(specifier, context)
}

/** Node's hook. A CommonJS file is left to `require`, whose extension `register` adds: only there it can require others. */
export async function load(
  url: string,
  context: LoadHookContext,
  nextLoad: (url: string, context: LoadHookContext) => LoadFnOutput | Promise<LoadFnOutput>,
): Promise<LoadFnOutput> {
  const compiled = loadSource(url)
  if (!compiled) return nextLoad(url, context)
  return compiled.format === 'commonjs'
    ? { format: 'commonjs', shortCircuit: true }
    : { format: 'module', source: compiled.code, shortCircuit: true }
}
