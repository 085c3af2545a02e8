import { type FSWatcher, readdirSync, statSync, watch } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** Changes in quick succession, as from an editor or a branch switch, count as one. */
const SETTLE_MS = 100
const SKIPPED = new Set(['node_modules', 'dist', 'coverage', '__pycache__'])
const SOURCE = /\.([cm]?[jt]sx?|json|ya?ml|env)$|^\.env/

/**
 * Calls back with the changed paths below a folder, shortly after the last change. New folders are watched too; hidden ones (including
 * the embedded broker's), node_modules and build output are not.
 */
export function watchSources(root: string, onChange: (paths: readonly string[]) => void): { close(): void } {
  const watchers = new Map<string, FSWatcher>()
  const changed = new Set<string>()
  let timer: NodeJS.Timeout | undefined

  const flush = (): void => {
    const paths = [...changed]
    changed.clear()
    onChange(paths)
  }
  const note = (path: string): void => {
    changed.add(path)
    clearTimeout(timer)
    timer = setTimeout(flush, SETTLE_MS)
  }
  const unwatch = (folder: string): void => {
    watchers.get(folder)?.close()
    watchers.delete(folder)
  }
  const watchFolder = (folder: string, isNew: boolean): void => {
    if (watchers.has(folder) || isSkipped(folder, root)) return
    try {
      const watcher = watch(folder, (_event, name) => {
        if (name === null) return
        const path = join(folder, name)
        if (isFolder(path)) watchFolder(path, true)
        else unwatch(path)
        if (SOURCE.test(name)) note(path)
      })
      // The folder was removed; its parent's watcher reports it.
      watcher.on('error', () => unwatch(folder))
      watchers.set(folder, watcher)
      for (const entry of readdirSync(folder, { withFileTypes: true })) {
        if (entry.isDirectory()) watchFolder(join(folder, entry.name), isNew)
        // Written before the watch began.
        else if (isNew && SOURCE.test(entry.name)) note(join(folder, entry.name))
      }
    } catch {
      // Removed since the notification.
      unwatch(folder)
    }
  }
  watchFolder(root, false)
  return {
    close() {
      clearTimeout(timer)
      for (const watcher of watchers.values()) watcher.close()
    },
  }
}

const isSkipped = (folder: string, root: string): boolean =>
  folder !== root && (SKIPPED.has(basename(folder)) || basename(folder).startsWith('.'))

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false

/** The folder of the nearest package.json at or above a folder; the folder itself when there is none. */
export function projectFolder(start: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    if (statSync(join(folder, 'package.json'), { throwIfNoEntry: false })) return folder
    if (dirname(folder) === folder) return start
  }
}
