// An earlier build of Lovage, made in a git worktree of its own for as long as it is measured.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Runs `work` with BENCH_FORMER set to a build of the revision; without one, just runs it. */
export async function withFormer(revision, work) {
  if (!revision) return work()
  const folder = join(mkdtempSync(join(tmpdir(), 'lovage-former-')), 'lovage')
  const run = (command, words, cwd) =>
    execFileSync(command, words, { cwd, stdio: ['ignore', 'ignore', 'inherit'] })
  run('git', ['worktree', 'add', '--detach', folder, revision], ROOT)
  try {
    console.error(`building ${revision} …`)
    run('npm', ['ci', '--no-audit', '--no-fund'], folder)
    run('npm', ['run', 'build'], folder)
    process.env.BENCH_FORMER = folder
    process.env.BENCH_FORMER_NAME = revision
    return await work()
  } finally {
    run('git', ['worktree', 'remove', '--force', folder], ROOT)
    rmSync(join(folder, '..'), { recursive: true, force: true })
  }
}
