import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pythonCelery, type RedisServer, runPython, startRedis } from '../servers.js'

describe("Python's Celery", () => {
  let redis: RedisServer
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis?.stop())

  const source = `
    @app.task(name='math.add')
    def add(x, y):
        return x + y
  `

  it('runs a task that another Python process sent', async () => {
    await using worker = await pythonCelery({
      broker: redis.url,
      backend: redis.url,
      source,
      args: ['-c', '2'],
    })
    const code = `
      result = app.send_task('math.add', (2, 3))
      print(json.dumps(result.get(timeout=20)))
    `
    expect(JSON.parse(await runPython(code, { broker: redis.url, backend: redis.url }))).toBe(5)
    expect(worker.log).toContain('math.add')
  })

  it('answers remote control by its node name', async () => {
    await using worker = await pythonCelery({ broker: redis.url, source })
    const { stdout } = await worker.command('inspect', 'ping', '-d', worker.nodeName)
    expect(stdout).toContain('pong')
  })

  it('rejects with what the script wrote to stderr', async () => {
    await expect(runPython('raise ValueError("broken")')).rejects.toThrow('ValueError: broken')
  })
})
