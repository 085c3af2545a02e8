import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { existingSource, isTypeScript } from './source-files.js'
import { projectOptions } from './tsconfig.js'

/**
 * The file to which a relative path or a tsconfig.json alias in a TypeScript module refers; undefined where Node's own rules decide. A
 * `.js` written for a `.ts` means the `.ts`; extensions and `/index` may be omitted.
 */
export function sourceOf(specifier: string, parent: string): string | undefined {
  if (parent.includes('/node_modules/')) return undefined
  if (/^(\.{1,2}(\/|$)|\/)/.test(specifier)) {
    return isTypeScript(parent)
      ? existingSource(resolve(dirname(parent), withoutQuery(specifier)))
      : undefined
  }
  if (specifier.startsWith('file:'))
    return isTypeScript(parent) ? existingSource(fileURLToPath(withoutQuery(specifier))) : undefined
  if (/^[a-z][a-z0-9+.-]*:/i.test(specifier)) return undefined
  for (const path of projectOptions(parent).aliased(specifier)) {
    const found = existingSource(path)
    if (found) return found
  }
  return undefined
}

const withoutQuery = (specifier: string): string => specifier.replace(/[?#].*$/, '')
