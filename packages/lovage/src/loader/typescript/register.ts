import Module from 'node:module'
import { installCommonJs } from './commonjs.js'
import { loadSource, resolveSource } from './hooks.js'

/** Hooks of later versions; the types here are those of Node 20. */
interface SyncHooks {
  registerHooks?(hooks: {
    resolve(
      specifier: string,
      context: { parentURL?: string },
      next: (...args: unknown[]) => unknown,
    ): unknown
    load(
      url: string,
      context: { conditions?: readonly string[] },
      next: (...args: unknown[]) => unknown,
    ): unknown
  }): void
}

// Importing this file, or naming it with `--import`, makes Node load TypeScript, once per thread.
const MARK = Symbol.for('lovage.typescript')
const registry = globalThis as { [MARK]?: boolean }
if (!registry[MARK]) {
  registry[MARK] = true
  install()
}

function install(): void {
  // Stack traces show source lines.
  process.setSourceMapsEnabled(true)
  // Checks for the property, which Node 20 lacks. Node 22 has it, but there a CommonJS module loaded through it cannot require another.
  const { registerHooks } = Module as unknown as SyncHooks
  if (!registerHooks || Number(process.versions.node.split('.')[0]) < 24) {
    Module.register(new URL('./hooks.js', import.meta.url).href)
    installCommonJs()
    return
  }
  registerHooks({
    resolve: (specifier, context, next) =>
      resolveSource(specifier, context.parentURL) ?? next(specifier, context),
    load(url, context, next) {
      const compiled = loadSource(url, context.conditions?.includes('require') ? 'require' : 'import')
      return compiled
        ? { format: compiled.format, source: compiled.code, shortCircuit: true }
        : next(url, context)
    },
  })
}
