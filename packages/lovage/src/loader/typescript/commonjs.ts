import { readFileSync } from 'node:fs'
import Module from 'node:module'
import { sourceOf } from './candidates.js'
import { compile } from './compile.js'

/** The parts of Node's `require` that loaders have always hooked into, and that its types omit. */
interface RequireInternals {
  _extensions: Record<string, (module: { _compile(code: string, file: string): void }, file: string) => void>
  _resolveFilename(request: string, parent: { filename?: string } | undefined, ...rest: unknown[]): string
}

/** Lets `require` find and load TypeScript. */
export function installCommonJs(): void {
  const internals = Module as unknown as RequireInternals
  const resolveFilename = internals._resolveFilename
  internals._resolveFilename = function (request, parent, ...rest) {
    const file = parent?.filename === undefined ? undefined : sourceOf(request, parent.filename)
    return file ?? resolveFilename.call(this, request, parent, ...rest)
  }
  for (const extension of ['.ts', '.tsx', '.cts', '.mts']) {
    internals._extensions[extension] = (module, file) =>
      module._compile(compile(file, readFileSync(file, 'utf8'), 'commonjs').code, file)
  }
}
