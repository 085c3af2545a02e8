import { ConfigurationError } from '../../kernel/index.js'

/** As whom a process runs, and what of the rights of its files it leaves out. */
export interface BecomeOptions {
  readonly uid?: string
  readonly gid?: string
  /** Octal, as umask(1) has it. */
  readonly umask?: string
}

/**
 * Changes user, group and file mask of this process, before it opens anything.
 *
 * @throws {ConfigurationError} LVG_USAGE when the system refuses, or there is no such user or group.
 */
export function become({ uid, gid, umask }: BecomeOptions): void {
  if (umask !== undefined) process.umask(Number.parseInt(umask, 8))
  if (uid === undefined && gid === undefined) return
  try {
    // The group first: afterwards there may be no right to.
    if (gid !== undefined) process.setgid?.(idOf(gid))
    if (uid !== undefined) {
      // Known to the engine, not to its types.
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
