import { crontab } from 'lovage'
import { describe, expect, it } from 'vitest'
import { coreOf } from '../../packages/lovage/src/app/core/index.js'
import { openSchedules } from '../../packages/lovage/src/beat/index.js'
import { takeSent } from './sent.js'
import { iso, MINUTE, makeApp, SECOND, START, seconds, startBeat } from './start-beat.js'

describe('the schedule', () => {
  it('is changed while beat runs', async () => {
    const { app, clock } = makeApp({ beatSchedule: { tick: { task: 't', schedule: 10 } } })
    await startBeat(app, clock)
    await using schedules = await openSchedules(coreOf(app))
    await clock.advance(25 * SECOND)
    expect(await seconds(app)).toBe(2)

    await schedules.disable('tick')
    await clock.advance(MINUTE)
    expect(await seconds(app)).toBe(0)

    await schedules.enable('tick')
    await clock.advance(9 * SECOND)
    expect(await seconds(app)).toBe(0)
    await clock.advance(SECOND)
    expect(await seconds(app)).toBe(1)

    await schedules.add('tock', { task: 't', schedule: 5 })
    await clock.advance(10 * SECOND)
    expect((await takeSent(app)).map(({ entry }) => entry).sort()).toEqual(['tick', 'tock', 'tock'])

    await schedules.change('tock', { schedule: 1, args: ['new'] })
    await clock.advance(3 * SECOND)
    expect((await takeSent(app)).filter(({ entry }) => entry === 'tock').map(({ args }) => args)).toEqual([
      ['new'],
      ['new'],
      ['new'],
    ])

    await schedules.remove('tock')
    await schedules.remove('tick')
    await clock.advance(MINUTE)
    expect(await takeSent(app)).toEqual([])
    expect(await schedules.list()).toMatchObject([{ name: 'tick', removed: true }])

    await schedules.reset('tick')
    await clock.advance(10 * SECOND)
    expect(await seconds(app)).toBe(1)
  })

  it('runs an entry by hand, also one that is disabled or that no beat has seen', async () => {
    const { app } = makeApp({
      beatSchedule: { tick: { task: 't', schedule: 10, args: [1], enabled: false } },
    })
    await using schedules = await openSchedules(coreOf(app))
    const id = await schedules.run('tick')
    expect(await takeSent(app)).toMatchObject([{ id, args: [1], entry: 'tick' }])
    expect(await schedules.list()).toMatchObject([{ totalRunCount: 1, lastTaskId: id, lastRunMs: START }])
  })

  it('keeps an operator’s word through a deployment, and forgets it when told', async () => {
    const { app, clock, broker } = makeApp({ beatSchedule: { tick: { task: 't', schedule: 10 } } })
    const old = await startBeat(app, clock)
    await using schedules = await openSchedules(coreOf(app))
    await schedules.change('tick', { schedule: crontab({ minute: 0 }) })
    await old.stop()

    const beatSchedule = {
      tick: { task: 't', schedule: 20, args: ['v2'] },
      other: { task: 't', schedule: 7 },
    }
    const deployed = makeApp({ beatSchedule }, clock, broker)
    await startBeat(deployed.app, clock)
    await using now = await openSchedules(coreOf(deployed.app))
    expect(await now.list()).toMatchObject([
      { name: 'other', schedule: 'every 7 seconds', changed: [] },
      { name: 'tick', schedule: 'crontab 0 * * * *', changed: ['schedule'], definition: { args: ['v2'] } },
    ])
    await now.reset('tick')
    expect(await now.list()).toMatchObject([{}, { name: 'tick', schedule: 'every 20 seconds', changed: [] }])
  })

  it('says what is wrong before it is stored', async () => {
    const { app } = makeApp({ beatSchedule: { tick: { task: 't', schedule: 10 } }, backend: 'disabled://' })
    await using schedules = await openSchedules(coreOf(app))
    await expect(schedules.add('tick', { task: 't', schedule: 1 })).rejects.toThrow(
      'Entry tick already exists',
    )
    await expect(schedules.change('tock', { enabled: false })).rejects.toThrow('There is no entry tock')
    await expect(schedules.change('tick', { overlap: 'skip' })).rejects.toThrow(
      "overlap 'skip' needs the results",
    )
    await expect(schedules.change('tick', { timezone: 'Mars' })).rejects.toThrow("Unknown time zone 'Mars'")
    await schedules.remove('tick')
    await expect(schedules.add('tick', { task: 't', schedule: 1 })).rejects.toThrow('was removed')
    await expect(schedules.change('tick', { schedule: 1 })).rejects.toThrow('was removed')
    expect(iso((await schedules.list())[0]?.nextMs)).toBeUndefined()
  })
})
