import Module from 'node:module'
import { installCommonJs } from './commonjs.js'
import { loadSource, resolveSource } from './hooks.js'

/** What later versions have; the types here are those of Node 20. */
interface SyncHooks {
  registerHooks?(hooks: {
    resolve(
      specifier: string,
      context: { parentURL?: string },
      next: (...args: unknown[]) => unknown,
    ): unknown
    load(url: string, context: object, next: (...args: unknown[]) => unknown): unknown
  }): void
}

// Importing this file, or naming it with `--import`, makes Node load TypeScript: once per thread, whoever asks.
const MARK = Symbol.for('lovage.typescript')
const registry = globalThis as { [MARK]?: boolean }
if (!registry[MARK]) {
  registry[MARK] = true
  install()
}

function install(): void {
  // Lines in stack traces are those of the sources.
  process.setSourceMapsEnabled(true)
  // The property is absent on Node 20; that is what is asked. Node 22 has it, but a CommonJS module that came through
  // it cannot require another there.
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
      const compiled = loadSource(url)
      return compiled
        ? { format: compiled.format, source: compiled.code, shortCircuit: true }
        : next(url, context)
    },
  })
}
