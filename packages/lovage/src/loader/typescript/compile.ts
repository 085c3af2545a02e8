import { createRequire } from 'node:module'
import { compileFunction } from 'node:vm'
import type * as Swc from '@swc/wasm'
import { type CompiledModule, cached } from './cache.js'
import { moduleKind } from './module-kind.js'
import { projectOptions } from './tsconfig.js'

const require = createRequire(import.meta.url)
let swc: typeof Swc | undefined
/** Part of the cache's key: a new number when the same text compiles to something else. */
const OUTPUT = 2

/**
 * Compiles a TypeScript file to JavaScript with an inline source map, or takes it from the cache when the same text was compiled before.
 * The folder's package.json determines whether it is an ES module. Without that it is CommonJS, as in TypeScript, unless the code rules
 * it out: it uses `import.meta`, or `await` outside of functions.
 *
 * @param wanted `commonjs` for a file loaded by `require`.
 * @throws SyntaxError with the position.
 */
export function compile(file: string, source: string, wanted?: 'commonjs'): CompiledModule {
  const kind = wanted ?? moduleKind(file)
  const { aliased: _, ...project } = projectOptions(file)
  const key = JSON.stringify([OUTPUT, file, source, kind, project])
  return cached(file, key, () => {
    if (kind === 'module') return { format: kind, code: transform(file, source, kind) }
    if (kind === 'unsaid' && /\bimport\.meta\b/.test(source))
      return { format: 'module', code: transform(file, source, 'module') }
    const code = transform(file, source, 'commonjs')
    const problem = problemAsCommonJs(code)
    if (problem === undefined) return { format: 'commonjs', code }
    if (kind === 'unsaid') return { format: 'module', code: transform(file, source, 'module') }
    throw notCommonJs(file, problem)
  })
}

/** Node would take it for an ES module after all, and report a cycle of which nobody knows. */
function notCommonJs(file: string, problem: string): SyntaxError {
  const isNamed = /\.ctsx?$/.test(file)
  const remedy = isNamed ? 'Name it .mts' : 'Write "type": "module" into its package.json, name it .mts'
  const error = new SyntaxError(
    `${file} is a CommonJS module, because ${isNamed ? 'its name ends in .cts' : 'its package.json says "type": "commonjs"'}: ${problem}. ${remedy}, or move it into a function.`,
  )
  error.stack = `SyntaxError: ${error.message}`
  return error
}

function transform(file: string, source: string, kind: CompiledModule['format']): string {
  const project = projectOptions(file)
  // Loaded when the first file has to be compiled: a cached start never pays for it.
  swc ??= require('@swc/wasm') as typeof Swc
  try {
    return swc.transformSync(source, {
      filename: file,
      swcrc: false,
      configFile: false,
      sourceMaps: 'inline',
      jsc: {
        target: 'es2022',
        parser: { syntax: 'typescript', tsx: /\.[cm]?tsx$/.test(file), decorators: true },
        keepClassNames: true,
        experimental: { keepImportAssertions: true },
        transform: {
          ...(project.decorators === 'legacy'
            ? { legacyDecorator: true, decoratorMetadata: project.decoratorMetadata }
            : { decoratorVersion: '2022-03' }),
          useDefineForClassFields: project.definesFields,
          react: project.jsx,
          // Supported by the compiler, but missing from its types.
          ...({ verbatimModuleSyntax: project.keepsUnusedImports && kind === 'module' } as object),
        },
      },
      module:
        kind === 'module'
          ? { type: 'es6' }
          : { type: 'commonjs', ignoreDynamic: true, exportInteropAnnotation: true },
    }).code
  } catch (error) {
    throw syntaxError(error)
  }
}

/** The compiler throws text: the problem, the file, the line and an excerpt. That is all a reader needs. */
function syntaxError(thrown: unknown): SyntaxError {
  const picture = String(thrown).replace(/\s*Caused by:[\s\S]*$/, '')
  const error = new SyntaxError(picture)
  error.stack = `SyntaxError: ${picture.trim()}`
  return error
}

/** Why the engine does not accept the code as CommonJS, such as `await` outside of functions; undefined = it does. */
function problemAsCommonJs(code: string): string | undefined {
  try {
    compileFunction(code, ['exports', 'require', 'module', '__filename', '__dirname'])
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
