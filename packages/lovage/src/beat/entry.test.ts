import { describe, expect, it } from 'vitest'
import { crontab, interval, type PeriodicTask } from '../schedule/index.js'
import { decodeDefinition, defineEntry, encodeDefinition } from '../schedule-store/index.js'

describe('an entry', () => {
  it('is complete once it is defined', () => {
    expect(defineEntry('hourly', { task: { name: 'app.tidy' }, schedule: 3600, expires: 60 })).toEqual({
      task: 'app.tidy',
      schedule: { kind: 'interval', everyMs: 3_600_000, relative: false },
      args: [],
      kwargs: {},
      options: { expires: 60 },
      enabled: true,
      timezone: null,
      missed: 'once',
      missedAfterMs: 30_000,
      overlap: 'allow',
      overlapTimeoutMs: 86_400_000,
      jitterMs: 0,
    })
    expect(defineEntry('x', { task: 't', schedule: interval(60), relative: true }).schedule).toMatchObject({
      relative: true,
    })
  })

  it('keeps what JSON has no word for', () => {
    const when = new Date('2026-05-01T00:00:00Z')
    const definition = defineEntry('x', { task: 't', schedule: 1, args: [when], kwargs: { no: null } })
    expect(decodeDefinition(encodeDefinition(definition))).toEqual(definition)
    expect(definition.args).toEqual([when])
  })

  // As an untyped program, or a command line, would write them.
  it.each([
    [{ schedule: 1 }, 'task'],
    [{ task: 't' }, 'schedule'],
    [{ task: 't', schedule: '0 2 * * *' }, 'schedule'],
    [{ task: 't', schedule: 1, args: 'abc' }, 'args'],
    [{ task: 't', schedule: 1, when: 1 }, 'when'],
    [{ task: 't', schedule: 1, missed: 'maybe' }, 'missed'],
    [{ task: 't', schedule: 1, missed: { backfill: 0 } }, 'missed'],
    [{ task: 't', schedule: 1, missed: { backfill: 1_000_000 } }, 'missed'],
    [{ task: 't', schedule: 1, overlap: 'never' }, 'overlap'],
    [{ task: 't', schedule: 1, jitterMs: -1 }, 'jitterMs'],
    [{ task: 't', schedule: 1, missedAfterMs: 10 }, 'missedAfterMs'],
    [{ task: 't', schedule: 1, expires: 0 }, 'expires'],
  ])('%j is refused', (periodic, field) => {
    expect(() => defineEntry('x', periodic as PeriodicTask)).toThrow(
      `The schedule entry 'x' is invalid: ${field}`,
    )
  })

  it('refuses arguments that no message can carry, and zones that no clock shows', () => {
    expect(() => defineEntry('x', { task: 't', schedule: 1, args: [() => 1] })).toThrow('args[0]')
    expect(() => defineEntry('x', { task: 't', schedule: 1, args: [2n ** 64n] })).toThrow('args[0]')
    expect(() => defineEntry('x', { task: 't', schedule: crontab(), timezone: 'Mars/Olympus' })).toThrow(
      'Unknown time zone',
    )
  })
})
