import { createRequire } from 'node:module'
import { compileFunction } from 'node:vm'
import type * as Swc from '@swc/wasm'
import { type CompiledModule, cached } from './cache.js'
import { moduleKind } from './module-kind.js'
import { projectOptions } from './tsconfig.js'

const require = createRequire(import.meta.url)
let swc: typeof Swc | undefined

/**
 * JavaScript of a TypeScript file, its source map inside; from the cache when this very text was compiled before.
 * The folder's package.json says whether it is an ES module. Where that says nothing it is CommonJS, as TypeScript
 * has it, unless the code itself cannot be: it uses `import.meta`, or `await` outside of functions.
 *
 * @param wanted `commonjs` for a file that is being required.
 * @throws SyntaxError with the place.
 */
export function compile(file: string, source: string, wanted?: 'commonjs'): CompiledModule {
  const kind = wanted ?? moduleKind(file)
  const { aliased: _, ...project } = projectOptions(file)
  const key = JSON.stringify([file, source, kind, project])
  return cached(file, key, () => {
    if (kind === 'module') return { format: kind, code: transform(file, source, kind) }
    if (kind === 'unsaid' && /\bimport\.meta\b/.test(source))
      return { format: 'module', code: transform(file, source, 'module') }
    const code = transform(file, source, 'commonjs')
    return kind === 'unsaid' && !isCommonJs(code)
      ? { format: 'module', code: transform(file, source, 'module') }
      : { format: 'commonjs', code }
  })
}

function transform(file: string, source: string, kind: CompiledModule['format']): string {
  const project = projectOptions(file)
  // Loaded when the first file has to be compiled: a start from the cache never pays for it.
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
          // Known to the compiler, not to its types.
          ...({ verbatimModuleSyntax: project.keepsUnusedImports && kind === 'module' } as object),
        },
      },
      module: kind === 'module' ? { type: 'es6' } : { type: 'commonjs', ignoreDynamic: true },
    }).code
  } catch (error) {
    throw syntaxError(error)
  }
}

/** The compiler throws text: what is wrong, the file, the line and a picture of the place. That is all anybody needs. */
function syntaxError(thrown: unknown): SyntaxError {
  const picture = String(thrown).replace(/\s*Caused by:[\s\S]*$/, '')
  const error = new SyntaxError(picture)
  error.stack = `SyntaxError: ${picture.trim()}`
  return error
}

/** Whether the engine takes the code as CommonJS: `await` outside of functions is what it cannot take. */
function isCommonJs(code: string): boolean {
  try {
    compileFunction(code, ['exports', 'require', 'module', '__filename', '__dirname'])
    return true
  } catch {
    return false
  }
}
