import { readFileSync } from 'node:fs'

/** How often a process checks that its launcher is still there. */
const LOOK_MS = 1000

/**
 * Calls `onGone` when this process was started by npx and npx has died: when killed, it passes no signal on, and this process would keep
 * running unnoticed. There may be a shell between the two. Returns a function that ends the watch.
 *
 * Package scripts are not followed: they may put a process into the background and end.
 */
export function followLauncher(onGone: () => void, env: NodeJS.ProcessEnv = process.env): () => void {
  const parent = process.ppid
  // Below a container's first process there is no launcher to follow.
  if (env.npm_command !== 'exec' || parent <= 1) return () => {}
  const isShell = /^(ba|da|z|k)?sh$/.test(nameOf(parent))
  const launcher = isShell ? parentOf(parent) : 0
  const timer = setInterval(() => {
    const isOrphan = process.ppid !== parent || (launcher > 0 && parentOf(parent) !== launcher)
    if (!isOrphan) return
    clearInterval(timer)
    onGone()
  }, LOOK_MS)
  timer.unref()
  return () => clearInterval(timer)
}

const nameOf = (pid: number): string => stat(pid)?.name ?? ''
/** 0 = unknown on this system. */
const parentOf = (pid: number): number => stat(pid)?.parent ?? 0

/** Available on Linux; elsewhere a shell in between hides the launcher, although most shells replace themselves with the command. */
function stat(pid: number): { readonly name: string; readonly parent: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name is in parentheses and may contain some; the state and the parent follow.
    const end = text.lastIndexOf(')')
    return { name: text.slice(text.indexOf('(') + 1, end), parent: Number(text.slice(end + 2).split(' ')[1]) }
  } catch {
    return undefined
  }
}
