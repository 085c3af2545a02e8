import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Lovage } from 'lovage'
import { until } from 'lovage/testing'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { Command, type CommandOptions } from '../../test/cli/command.js'
import { freePort, type RedisServer, startRedis } from '../../test/servers.js'

vi.setConfig({ testTimeout: 180_000 })
const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const HOST = hostname()
const folder = mkdtempSync(join(tmpdir(), 'lovage-documents-'))

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
  mkdirSync(join(folder, 'bin'))
})
afterAll(async () => {
  await redis?.stop()
  rmSync(folder, { recursive: true })
})

/** A terminal in the folder of a system, with a database of Redis to itself; lines are typed as the documents print them. */
function terminal(system: string, database: number, more: Readonly<Record<string, string | undefined>> = {}) {
  const url = `${redis.url}/${database}`
  const bin = join(folder, `bin-${database}`)
  mkdirSync(bin, { recursive: true })
  writeFileSync(join(bin, 'redis-cli'), `#!/bin/sh\nexec /usr/bin/redis-cli -u ${url} "$@"\n`)
  chmodSync(join(bin, 'redis-cli'), 0o755)
  const options = (input?: string): CommandOptions => ({
    cwd: `${ROOT}systems/${system}`,
    env: {
      PATH: `${bin}:${ROOT}node_modules/.bin:${process.env.PATH}`,
      CELERY_BROKER_URL: url,
      DATABASE_URL: `sqlite://${join(folder, `${system}.db`)}`,
      LOVAGE_WEBHOOKS_KEYS: `test:${Buffer.alloc(32, 1).toString('base64')}`,
      UPLOAD_DIR: join(folder, 'uploads'),
      FLOWER_DB: join(folder, 'flower'),
      ...more,
    },
    program: ['sh', '-c'],
    ...(input === undefined ? {} : { input }),
  })
  return {
    url,
    /** Starts what goes on until it is stopped. */
    start: (line: string) => new Command([`exec env ${line}`], options()),
    /** Runs a line to its end, which must be a good one. */
    async run(line: string, input?: string): Promise<string> {
      await using command = new Command([line], options(input))
      expect([line, await command.exited, command.stderr]).toEqual([line, 0, command.stderr])
      return command.stdout.trim()
    },
  }
}

/** Resolves when what was started has said this. */
const says = (command: Command, pattern: RegExp): Promise<unknown> =>
  until(
    () => {
      if (!command.isRunning) throw new Error(`it ended and said:\n${command.stderr}`)
      return pattern.test(command.stderr)
    },
    { what: String(pattern), timeoutMs: 60_000 },
  )

async function stop(...commands: readonly Command[]): Promise<void> {
  for (const command of commands) command.signal('SIGTERM')
  for (const command of commands) expect(await command.exited).toBe(0)
}

describe('learning time', () => {
  const QUEUE = 'edx.lms.core.webhook_enrichment'

  test('S0: a completion waits in its own queue, and is purged there alone', async () => {
    const { run } = terminal('learning-time', 0)
    const kwargs = {
      user_id: 123,
      course_id: 'course-v1:edX+DemoX+Demo',
      enterprise_customer_uuid: '12345678-1234-4234-8234-123456789abc',
      payload_dict: { completion: { percent_grade: 0.85 } },
    }
    await run(
      `celery -A lms.celery call channel_integrations.integrated_channel.tasks.enrich_and_send_completion_webhook --kwargs '${JSON.stringify(kwargs)}'`,
    )
    await run(`celery -A lms.celery call webhooks.wake_endpoint --args '["ep_none"]'`)
    expect(await run(`redis-cli LLEN ${QUEUE}`)).toBe('1')
    expect(await run(`celery -A lms.celery purge ${QUEUE}`, 'y\n')).toContain(
      `1 message removed from ${QUEUE}`,
    )
    expect([await run(`redis-cli LLEN ${QUEUE}`), await run('redis-cli LLEN celery')]).toEqual(['0', '1'])
  })

  test('S0: one node is shut down, the other goes on', async () => {
    const { start, run } = terminal('learning-time', 1)
    await using enrichment = start(
      `celery -A lms.celery worker --loglevel=info --queues=${QUEUE} --concurrency=2 --hostname=webhook-enrichment@%h`,
    )
    await using general = start(
      'celery -A lms.celery worker --loglevel=info --queues=celery --autoscale=4,2 --hostname=general@%h',
    )
    await Promise.all([says(enrichment, / ready/), says(general, / ready/)])
    const queues = await run('celery inspect active_queues --json')
    expect(
      Object.entries(JSON.parse(queues) as Record<string, readonly { name: string }[]>).map(
        ([node, list]) => [node, list.map(({ name }) => name)],
      ),
    ).toEqual(
      expect.arrayContaining([
        [`webhook-enrichment@${HOST}`, [QUEUE]],
        [`general@${HOST}`, ['celery']],
      ]),
    )
    const stats = JSON.parse(await run('celery -A lms.celery inspect stats --json')) as Record<string, object>
    expect(stats[`webhook-enrichment@${HOST}`]).toMatchObject({ pool: { 'max-concurrency': 2 } })
    expect(stats[`general@${HOST}`]).toMatchObject({ autoscaler: { max: 4, min: 2 } })
    await run(`celery -A lms.celery control shutdown --destination=webhook-enrichment@${HOST}`)
    expect(await enrichment.exited).toBe(0)
    expect(await run('celery -A lms.celery inspect ping')).toContain(`general@${HOST}`)
    expect(general.isRunning).toBe(true)
    await stop(general)
  })

  test('S0: flower is at the port that it is told, by default 5555', async () => {
    const port = await freePort()
    const { start, run } = terminal('learning-time', 2, { FLOWER_PORT: String(port) })
    await using flower = start('celery -A lms.celery flower')
    await until(
      () =>
        fetch(`http://127.0.0.1:${port}/`).then(
          ({ status }) => status === 200,
          () => false,
        ),
      {
        timeoutMs: 60_000,
      },
    )
    expect(await run('celery -A lms.celery flower --help')).toMatch(/--port.*5555/)
    await stop(flower)
  })
})

test('S1: a worker of three tasks, found by host, port and number; its queue is a list of JSON', async () => {
  const [, port = ''] = /:(\d+)/.exec(redis.url) ?? []
  const { start, run } = terminal('webhook-delivery', 3, {
    CELERY_BROKER_URL: undefined,
    REDIS_PORT: port,
    REDIS_DB: '3',
  })
  const event = { event: 'application.submitted', partner_id: 'partner-123', data: {} }
  await run(
    `REDIS_HOST=localhost celery -A celery_app call webhooks.deliver_event --kwargs '${JSON.stringify({ webhook_id: 'webhook-xyz', event_data: event })}'`,
  )
  expect(await run('redis-cli LLEN celery')).toBe('1')
  expect(JSON.parse(await run('redis-cli LRANGE celery 0 -1'))).toMatchObject({
    headers: { task: 'webhooks.deliver_event' },
    'content-type': 'application/json',
  })
  await using worker = start(
    'REDIS_HOST=localhost celery -A celery_app worker -I tasks.webhook_delivery --loglevel=debug',
  )
  await says(worker, / ready/)
  const registered = await run('REDIS_HOST=localhost celery -A celery_app inspect registered')
  for (const name of ['deliver_event', 'cleanup_old_deliveries', 'retry_failed_deliveries'])
    expect(registered).toContain(`webhooks.${name}`)
  await run('REDIS_HOST=localhost celery -A celery_app inspect active')
  expect(JSON.parse(await run('REDIS_HOST=localhost celery -A celery_app inspect stats --json'))).toEqual({
    [`celery@${HOST}`]: expect.objectContaining({
      pool: expect.objectContaining({
        'max-concurrency': 4,
        'max-tasks-per-child': 1000,
        timeouts: [240, 300],
      }),
    }),
  })
  const schedule = await run('REDIS_HOST=localhost celery -A celery_app beat --list')
  expect(schedule).toMatch(/webhooks\.cleanup_old_deliveries.*(daily|every day|86400|24)/)
  expect(schedule).toMatch(/webhooks\.retry_failed_deliveries.*(5 minutes|300)/)
  await stop(worker)
})

describe('data clean-up', () => {
  test('S2: a worker on all queues, another with the schedule; a task is revoked', async () => {
    const { start, run, url } = terminal('datacleanup', 4)
    await using ordered = start(
      'celery -A app.core.celery_app worker -Q billing,ai,data,default -n ordered@%h -l info',
    )
    await using all = start('celery -A app.core.celery_app worker --beat --loglevel=info')
    await Promise.all([says(ordered, / ready/), says(all, / ready/), says(all, /beat: Leading/)])
    expect(ordered.log.find(({ msg }) => String(msg).endsWith('ready'))?.queues).toEqual([
      ...['billing', 'ai', 'data', 'default'],
    ])
    const id = await run(
      'celery -A app.core.celery_app call app.tasks.data_tasks.cleanup_temp_files --countdown 600',
    )
    await run('celery -A app.core.celery_app inspect active')
    expect(await run('celery -A app.core.celery_app inspect active_queues')).toContain('billing')
    expect(await run('celery -A app.core.celery_app inspect stats')).toContain('maxrss')
    await run(`celery -A app.core.celery_app control revoke ${id}`)
    await using client = new Lovage('client', { broker: url, backend: url, env: {} })
    await until(async () => (await client.asyncResult(id).state()) === 'REVOKED')
    await stop(ordered, all)
  })

  test('S2: a worker for prompts alone, whose log lines carry task and retry', async () => {
    const { start, run } = terminal('datacleanup', 5, {
      OPENAI_BASE_URL: 'http://127.0.0.1:9/v1',
      OPENAI_API_KEY: 'sk-test',
    })
    await using worker = start('celery -A app.core.celery_app worker -Q ai --concurrency=4 --loglevel=info')
    await says(worker, / ready/)
    const stats = Object.values(
      JSON.parse(await run('celery -A app.core.celery_app inspect stats --json')) as object,
    )
    expect(stats).toMatchObject([{ pool: { 'max-concurrency': 4 } }])
    const id = await run(
      `celery -A app.core.celery_app call app.tasks.ai_tasks.process_ai_request --kwargs '{"user_id": 1, "prompt": "hello"}'`,
    )
    await until(
      () => worker.log.some(({ msg, retry_count }) => msg === `Task started: ${id}` && retry_count === 1),
      {
        timeoutMs: 60_000,
      },
    )
    expect(worker.log.find(({ msg }) => msg === `Task started: ${id}`)).toMatchObject({
      task_id: id,
      retry_count: 0,
    })
    await stop(worker)
  })

  test('S2: the command of the unit writes its pid and its log, and refuses to be started twice', async () => {
    const { start } = terminal('datacleanup', 6)
    const [pidfile, logfile] = [join(folder, 'worker.pid'), join(folder, 'worker.log')]
    const unit = `celery -A app.core.celery_app worker --loglevel=info --concurrency=4 --max-tasks-per-child=1000 --pidfile=${pidfile} --logfile=${logfile}`
    await using worker = start(unit)
    await until(() => existsSync(logfile) && readFileSync(logfile, 'utf8').includes(' ready'), {
      timeoutMs: 60_000,
    })
    expect(readFileSync(pidfile, 'utf8').trim()).toBe(String(worker.pid))
    await using second = start(unit)
    expect(await second.exited).not.toBe(0)
    expect(second.stderr).toContain(pidfile)
    await stop(worker)
    expect(existsSync(pidfile)).toBe(false)
  })
})

describe('operations', () => {
  const TASKS = 'consultantos.jobs.tasks'
  const celery = 'celery -A consultantos.jobs.celery_app'

  test('S4: what is urgent overtakes; the start scripts; the commands', async () => {
    const { start, run, url } = terminal('monitoring', 7)
    await using client = new Lovage('client', { broker: url, backend: url, env: {} })
    for (let n = 0; n < 20; n++)
      await client.sendTask(`${TASKS}.aggregate_snapshots_task`, {
        queue: 'low',
        kwargs: { day: '2026-01-01' },
      })
    await client.sendTask(`${TASKS}.run_analysis_task`, {
      queue: 'critical',
      kwargs: { monitor_ids: ['none'] },
    })
    await using worker = start('CONCURRENCY=1 LOG_LEVEL=debug ./scripts/start_celery_worker.sh')
    await using beat = start('LOG_LEVEL=debug ./scripts/start_celery_beat.sh')
    await Promise.all([says(worker, / ready/), says(beat, /beat: Starting/)])
    const ended = () => worker.log.filter(({ execution_time }) => execution_time !== undefined)
    await until(() => ended().length >= 21, { timeoutMs: 60_000 })
    expect(ended()[0]).toMatchObject({ task_name: `${TASKS}.run_analysis_task` })

    expect(await run(`${celery} inspect active`)).toContain(`@${HOST}`)
    expect(await run(`${celery} inspect registered`)).toContain(`${TASKS}.check_monitor_task`)
    expect(await run(`${celery} inspect active_queues`)).toMatch(/critical[\s\S]*high[\s\S]*normal[\s\S]*low/)
    await run(`${celery} inspect reserved`)
    await client.sendTask(`${TASKS}.check_monitor_task`, {
      kwargs: { monitor_id: 'x' },
      queue: 'normal',
      countdown: 300,
    })
    await until(async () => (await run(`${celery} inspect scheduled`)).includes('check_monitor_task'))
    // More than the five a minute of its rate.
    for (let n = 0; n < 9; n++)
      await client.sendTask(`${TASKS}.run_analysis_task`, {
        queue: 'normal',
        kwargs: { monitor_ids: ['none'] },
      })
    await until(async () =>
      /throttled[\s\S]{0,40}run_analysis_task/.test(await run(`${celery} inspect stats`)),
    )
    expect(await run(`${celery} purge`, 'y\n')).toMatch(/removed/)
    await stop(worker, beat)
  })

  test('S4: autoscale', async () => {
    const { start, run } = terminal('monitoring', 8)
    await using worker = start(`${celery} worker --loglevel=info --autoscale=10,3`)
    await says(worker, / ready/)
    const stats = Object.values(JSON.parse(await run(`${celery} inspect stats --json`)) as object)
    expect(stats).toMatchObject([{ autoscaler: { max: 10, min: 3 } }])
    await stop(worker)
  })

  test('S4: flower under a prefix, with a password', async () => {
    const port = await freePort()
    const { start, url } = terminal('monitoring', 9, { FLOWER_PORT: String(port) })
    await using flower = start(
      `${celery} flower --url-prefix=flower --basic_auth=admin:password --broker_api=${url}`,
    )
    const get = (headers = {}) =>
      fetch(`http://127.0.0.1:${port}/flower/`, { headers }).then(
        ({ status }) => status,
        () => 0,
      )
    await until(async () => (await get()) === 401, { timeoutMs: 60_000 })
    expect(await get({ authorization: `Basic ${Buffer.from('admin:password').toString('base64')}` })).toBe(
      200,
    )
    await stop(flower)
  })
})
