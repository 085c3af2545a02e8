import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { run } from '../servers.js'

// The last test packs, installs and compiles.
vi.setConfig({ testTimeout: 300_000 })

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const PROGRAM = join(ROOT, 'packages/create-lovage/bin/create-lovage.js')

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'create-lovage-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))

const create = (...args: string[]) => run(process.execPath, [PROGRAM, ...args], { cwd: folder })

describe('npm create lovage', () => {
  test('writes a project without asking anything, and says what to run next', async () => {
    const beganMs = performance.now()
    const { stdout } = await create('My Tasks')
    expect(performance.now() - beganMs).toBeLessThan(10_000)
    expect(stdout).toMatch(/cd My Tasks\n {2}npm install\n {2}npm test/)
    const project = join(folder, 'My Tasks')
    const manifest = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'))
    const { version } = JSON.parse(readFileSync(join(ROOT, 'packages/lovage/package.json'), 'utf8'))
    expect(manifest).toMatchObject({ name: 'my-tasks', dependencies: { lovage: `^${version}` } })
    expect(readFileSync(join(project, 'src/tasks.ts'), 'utf8')).toContain("name: 'my_tasks.greet'")
    for (const file of [
      '.gitignore',
      '.dockerignore',
      '.github/workflows/ci.yml',
      'Dockerfile',
      'compose.yaml',
    ])
      expect(existsSync(join(project, file))).toBe(true)
    const texts = readdirSync(project, { recursive: true, withFileTypes: true })
      .filter((each) => each.isFile())
      .map((each) => readFileSync(join(each.parentPath, each.name), 'utf8'))
    expect(texts.filter((text) => /\{\{[A-Z]+\}\}/.test(text))).toEqual([])
  })

  test('uses this folder where it is empty but for a repository, and overwrites nothing', async () => {
    await run('git', ['init', '-q', folder])
    expect((await create()).code).toBe(0)
    expect(existsSync(join(folder, 'src/app.ts'))).toBe(true)
    expect((await create('.')).stderr).toMatch(/is not empty, and nothing is overwritten/)
    expect((await create('.')).code).toBe(1)
    expect((await create()).code).toBe(0)
    expect(existsSync(join(folder, 'lovage-app/src/app.ts'))).toBe(true)
    expect((await create('a', 'b')).stderr).toMatch(/one folder, not 2/)
    expect((await create('--frob')).code).toBe(1)
  })

  test('makes a project that installs from packed packages, checks, builds, passes its tests and runs a task', async () => {
    expect((await create('shop')).code).toBe(0)
    const project = join(folder, 'shop')
    const packing = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder]
    const { stdout } = await run('npm', packing, { cwd: join(ROOT, 'packages/lovage') })
    const [{ filename }] = JSON.parse(stdout)
    const path = join(project, 'package.json')
    const manifest = JSON.parse(readFileSync(path, 'utf8'))
    manifest.dependencies.lovage = `file:${join(folder, filename)}`
    writeFileSync(path, JSON.stringify(manifest))
    const npm = async (...args: string[]) => {
      const done = await run('npm', args, { cwd: project })
      expect(done, done.stdout + done.stderr).toMatchObject({ code: 0 })
      return done.stdout
    }
    await npm('install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts')
    await npm('run', 'check')
    expect(await npm('test')).toMatch(/2 passed/)
    await npm('run', 'build')
    const worker = spawn('npm', ['run', '--silent', 'worker'], { cwd: project, detached: true })
    const ended = new Promise((resolve) => worker.once('exit', resolve))
    try {
      expect(await npm('run', '--silent', 'send')).toMatch(/^Hello world, from task [0-9a-f-]{36}\n$/)
    } finally {
      // The group: npm, its shell and the worker.
      process.kill(-(worker.pid ?? 0), 'SIGTERM')
      await ended
    }
  })
})
