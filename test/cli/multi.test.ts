import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { until } from 'lovage/testing'
import { describe, expect, test } from 'vitest'
import { makeProject } from '../loader/project.js'
import { Command, lovage } from './command.js'

const APP = `
import { Lovage } from 'lovage'
export const app = new Lovage('shop', { taskQueues: ['mail', 'web'] })
export const add = app.task({ name: 'shop.add', run: (_ctx, x: number, y: number) => x + y })
`
const makeShop = () => makeProject({ 'package.json': '{"name":"shop","type":"module"}', 'app.ts': APP })
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('multi', () => {
  test('starts, restarts and ends nodes with files and options of their own', async () => {
    using shop = makeShop()
    const cwd = shop.folder
    const text = (name: string) => (existsSync(shop.path(name)) ? readFileSync(shop.path(name), 'utf8') : '')
    const pid = (name: string) => Number(text(`run/${name}.pid`))
    const line = ['mail', 'web@box', '-A', 'app', '-l', 'info', '--pidfile=run/%n.pid', '-f', 'log/%n%I.log']
    const own = ['-Q:mail', 'mail', '--queues:2=web', '-c:1-2', '3']
    const multi = (action: string, ...more: string[]) =>
      lovage(['multi', action, ...line, ...own, ...more], { cwd })
    const pids: number[] = []
    try {
      expect(await multi('start')).toMatchObject({
        code: 0,
        stdout: `> mail@${hostname()}: OK\n> web@box: OK`,
      })
      pids.push(pid('mail'), pid('web'))
      await until(() => text('log/mail.log').includes(' ready') && text('log/web.log').includes(' ready'))
      expect(text('log/mail.log')).toContain('"queues":["mail"]')
      expect(text('log/web.log')).toContain('"queues":["web"]')
      expect(text('log/web.log')).toContain('web@box starts: 3 tasks at once')
      expect(await multi('start')).toMatchObject({
        code: 1,
        stdout: expect.stringContaining('is already running'),
      })

      expect((await multi('restart')).code).toBe(0)
      expect([pid('mail'), pid('web')].some((one) => pids.includes(one))).toBe(false)
      expect(pids.some(isAlive)).toBe(false)
      pids.push(pid('mail'), pid('web'))

      const stopped = await lovage(['multi', 'stopwait', 'mail', '--pidfile', 'run/%n.pid', '-QUIT'], { cwd })
      expect(stopped).toMatchObject({ code: 0, stdout: `> mail@${hostname()}: SIGQUIT -> ${pids[2]}` })
      expect(isAlive(pids[2] ?? 0)).toBe(false)
      expect((await multi('kill')).stdout).toBe(
        `> mail@${hostname()}: is not running\n> web@box: SIGKILL -> ${pids[3]}`,
      )
      expect(existsSync(shop.path('run/web.pid'))).toBe(false)
    } finally {
      for (const one of pids) if (one > 0 && isAlive(one)) process.kill(one, 'SIGKILL')
    }
  })

  test('tells the names and the commands of the nodes that a number means', async () => {
    using shop = makeShop()
    const cwd = shop.folder
    const names = await lovage(['multi', 'names', '2'], { cwd })
    expect(names).toMatchObject({ code: 0, stdout: `celery1@${hostname()}\ncelery2@${hostname()}` })
    const { stdout } = await lovage(['-A', 'app', 'multi', 'show', '2', '-P', 'solo', '-c:2', '7'], { cwd })
    expect(stdout.split('\n')[1]).toBe(
      `lovage -A app worker --detach -P solo -c 7 -n celery2@${hostname()} --pidfile %n.pid --logfile %n%I.log`,
    )
  })

  test('says what did not start, and what it cannot do', async () => {
    using shop = makeShop()
    const cwd = shop.folder
    const failed = await lovage(['multi', 'start', 'a', '-A', 'nothing'], { cwd })
    expect(failed).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/a@.*: did not start \(exit code 78\)[\s\S]*nothing/),
    })
    expect(await lovage(['multi', 'begin', 'a'], { cwd })).toMatchObject({ code: 64 })
    expect(await lovage(['multi', 'start', 'a', '-c:b', '3'], { cwd })).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('refers to b'),
    })
  })

  test('refuses names that lead out of their folder, and signals no process but its own', async () => {
    using shop = makeShop()
    const cwd = shop.folder
    for (const name of ['../w', '..', 'a/b@box', 'w@../../etc', 'a\\b'])
      expect(await lovage(['multi', 'start', name, '-A', 'app'], { cwd })).toMatchObject({
        code: 64,
        stderr: expect.stringContaining('is not a valid node name'),
      })
    expect(await lovage(['-A', 'app', 'worker', '-n', '../../w@%h'], { cwd })).toMatchObject({ code: 64 })
    // A number outlives its process, and comes to name another; the first one is nobody's worker.
    await using other = new Command([], { cwd, program: ['sleep', '60'] })
    for (const pid of [1, other.pid]) {
      writeFileSync(`${cwd}/w.pid`, `${pid}\n`)
      for (const action of ['stop', 'kill', 'stopwait']) {
        const { stdout } = await lovage(['multi', action, 'w@box'], { cwd })
        expect(stdout).toBe('> w@box: is not running')
        writeFileSync(`${cwd}/w.pid`, `${pid}\n`)
      }
    }
    expect(other.isRunning).toBe(true)
  })
})
