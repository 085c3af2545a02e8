import { Lovage } from 'lovage'
import { startTestWorker } from 'lovage/testing'
import { expect, it } from 'vitest'
import { MASTER_NAME, pythonCelery, runPython, startSentinelGroup } from '../servers.js'

const PASSWORD = 's3ntinel'

it('Python and Lovage meet behind Sentinels by the same URL and options, in both directions', {
  timeout: 300_000,
}, async () => {
  await using group = await startSentinelGroup({
    password: 'hunter2',
    sentinelPassword: PASSWORD,
    sentinels: 1,
  })
  const python = { broker: group.url, backend: group.url }
  const settings = `app.conf.broker_transport_options = app.conf.result_backend_transport_options = {
    'master_name': '${MASTER_NAME}', 'sentinel_kwargs': {'password': '${PASSWORD}'}}\n`
  await using app = new Lovage('shop', {
    broker: group.url,
    brokerTransportOptions: { master_name: MASTER_NAME, sentinel_kwargs: { password: PASSWORD } },
    env: {},
  })
  app.task({ name: 'double', run: (_ctx, n: number) => n * 2 })
  const worker = await startTestWorker(app)
  const code = `${settings}print(app.send_task('double', args=[21]).get(timeout=40))`
  expect((await runPython(code, python)).trim()).toBe('42')
  await worker.stop()
  const source = `${settings}\n@app.task(name='triple')\ndef triple(n):\n    return n * 3\n`
  await using _ = await pythonCelery({ ...python, source, args: ['-P', 'solo', '-Q', 'python'] })
  const result = await app.sendTask('triple', { args: [5], queue: 'python' })
  expect(await result.get({ timeout: 60 })).toBe(15)
})
