import { ConfigurationError } from '../../kernel/index.js'

/** The user and group of a process, and the umask of its files. */
export interface BecomeOptions {
  readonly uid?: string
  readonly gid?: string
  /** Octal, as in umask(1). */
  readonly umask?: string
}

/**
 * Changes user, group and file mask of this process, before it opens anything.
 *
 * @throws {ConfigurationError} LVG_USAGE when the system refuses, or the user or group does not exist.
 */
export function become({ uid, gid, umask }: BecomeOptions): void {
  if (umask !== undefined) process.umask(Number.parseInt(umask, 8))
  if (uid === undefined && gid === undefined) return
  try {
    // The group first: afterwards the process may lack the right to change it.
    if (gid !== undefined) process.setgid?.(idOf(gid))
    if (uid !== undefined) {
      // Available at run time, but missing from the types.
      const { initgroups } = process as {
        initgroups?: (user: string | number, group: string | number) => void
      }
      if (process.getuid?.() === 0)
        initgroups?.(idOf(uid), gid === undefined ? Number(process.getgid?.()) : idOf(gid))
      process.setuid?.(idOf(uid))
    }
  } catch (cause) {
    throw new ConfigurationError(
      `This process cannot run as ${[uid, gid].filter((one) => one !== undefined).join(':')}: ${cause instanceof Error ? cause.message : cause}`,
      { code: 'LVG_USAGE', cause },
    )
  }
}

const idOf = (name: string): string | number => (/^\d+$/.test(name) ? Number(name) : name)
