import { describe, expect, it } from 'vitest'
import { type CrontabFields, crontab } from './crontab.js'

/** The runs in a span of local times, written as UTC with the zone's own clock behind. */
function runs(fields: CrontabFields, timeZone: string, from: string, to: string): string[] {
  const schedule = crontab(fields)
  const found: string[] = []
  const endMs = Date.parse(to)
  for (let at = schedule.next(Date.parse(from), { timeZone }); at !== undefined && at < endMs; ) {
    const wall = new Date(at).toLocaleTimeString('sv', { timeZone, hour: '2-digit', minute: '2-digit' })
    found.push(`${new Date(at).toISOString().slice(5, 16)} ${wall}`)
    at = schedule.next(at, { timeZone })
  }
  return found
}

describe('crontab', () => {
  const next = (schedule: ReturnType<typeof crontab>, after: string, timeZone = 'UTC') => {
    const ms = schedule.next(Date.parse(after), { timeZone })
    return ms === undefined ? undefined : new Date(ms).toISOString()
  }

  it('reads a line of crontab(5) and Celery’s fields alike', () => {
    expect(next(crontab.fromString('0 2 * * *'), '2026-01-01T02:00:00Z')).toBe('2026-01-02T02:00:00.000Z')
    expect(next(crontab({ hour: 2, minute: 0 }), '2026-01-01T01:59:59.999Z')).toBe('2026-01-01T02:00:00.000Z')
    expect(crontab.fromString(' 0  4 * *   sun').toWire()).toEqual(
      crontab({ minute: 0, hour: 4, dayOfWeek: 'sun' }).toWire(),
    )
    expect(String(crontab({ minute: [0, 30], dayOfMonth: '1-7', dayOfWeek: 1 }))).toBe('0,30 * 1-7 * 1')
    expect(() => crontab.fromString('0 2 * *')).toThrow('has 4 fields, not 5')
  })

  it('wants day of month AND day of week, as Celery does', () => {
    const firstMonday = crontab({ minute: 0, hour: 9, dayOfMonth: '1-7', dayOfWeek: 'mon' })
    expect(next(firstMonday, '2026-01-01T00:00:00Z')).toBe('2026-01-05T09:00:00.000Z')
    expect(next(firstMonday, '2026-01-05T09:00:00Z')).toBe('2026-02-02T09:00:00.000Z')
    const fridayThe13th = crontab({ minute: 0, hour: 0, dayOfMonth: 13, dayOfWeek: 'fri' })
    expect(next(fridayThe13th, '2026-04-01T00:00:00Z')).toBe('2026-11-13T00:00:00.000Z')
  })

  it('waits for a leap day that falls on a Monday', () => {
    const leap = crontab({ minute: 0, hour: 0, dayOfMonth: 29, monthOfYear: 2, dayOfWeek: 1 })
    expect(next(leap, '2026-01-01T00:00:00Z')).toBe('2044-02-29T00:00:00.000Z')
  })

  it('refuses a date that no year has', () => {
    expect(() => crontab({ dayOfMonth: 30, monthOfYear: 2 })).toThrow('a date that no year has')
    expect(() => crontab({ dayOfMonth: 31, monthOfYear: 'apr,jun,sep,nov' })).toThrow(
      'a date that no year has',
    )
  })

  it('keeps a zone of its own for every caller', () => {
    const nightly = crontab({ minute: 0, hour: 2 })
    expect(next(nightly, '2026-07-01T12:00:00Z', 'Asia/Kathmandu')).toBe('2026-07-01T20:15:00.000Z')
    expect(next(nightly, '2026-07-01T12:00:00Z', 'America/New_York')).toBe('2026-07-02T06:00:00.000Z')
    expect(next(nightly, '2026-07-01T12:00:00Z', 'UTC')).toBe('2026-07-02T02:00:00.000Z')
  })
})

// Our own table: left the UTC instant, right what the clock on the wall shows.
describe.each([
  {
    zone: 'Europe/Berlin',
    // 29 March 2026: 02:00 → 03:00. 25 October: 03:00 → 02:00.
    gap: ['2026-03-28T12:00:00Z', '2026-03-29T12:00:00Z'],
    skipped: { fields: { minute: '0,30', hour: 2 }, runs: ['03-29T01:00 03:00'] },
    besideGap: {
      fields: { minute: 0, hour: '1-4' },
      runs: ['03-29T00:00 01:00', '03-29T01:00 03:00', '03-29T02:00 04:00'],
    },
    everyHour: { fields: { minute: 30, hour: '*' }, gap: ['03-29T00:30 01:30', '03-29T01:30 03:30'] },
    fold: ['2026-10-24T12:00:00Z', '2026-10-25T12:00:00Z'],
    doubled: { fields: { minute: '0,30', hour: 2 }, runs: ['10-25T00:00 02:00', '10-25T00:30 02:30'] },
    folded: ['10-25T00:30 02:30', '10-25T01:30 02:30', '10-25T02:30 03:30'],
  },
  {
    zone: 'America/New_York',
    // 8 March 2026: 02:00 → 03:00. 1 November: 02:00 → 01:00.
    gap: ['2026-03-07T18:00:00Z', '2026-03-08T18:00:00Z'],
    skipped: { fields: { minute: '0,30', hour: 2 }, runs: ['03-08T07:00 03:00'] },
    besideGap: {
      fields: { minute: 0, hour: '1-4' },
      runs: ['03-08T06:00 01:00', '03-08T07:00 03:00', '03-08T08:00 04:00'],
    },
    everyHour: { fields: { minute: 30, hour: '*' }, gap: ['03-08T06:30 01:30', '03-08T07:30 03:30'] },
    fold: ['2026-10-31T18:00:00Z', '2026-11-01T18:00:00Z'],
    doubled: { fields: { minute: '0,30', hour: 1 }, runs: ['11-01T05:00 01:00', '11-01T05:30 01:30'] },
    folded: ['11-01T05:30 01:30', '11-01T06:30 01:30', '11-01T07:30 02:30'],
  },
  {
    zone: 'Australia/Lord_Howe',
    // Half an hour only. 4 October 2026: 02:00 → 02:30. 5 April: 02:00 → 01:30.
    gap: ['2026-10-03T03:00:00Z', '2026-10-04T03:00:00Z'],
    skipped: { fields: { minute: '0,15', hour: 2 }, runs: ['10-03T15:30 02:30'] },
    besideGap: {
      fields: { minute: 45, hour: '1-3' },
      runs: ['10-03T15:15 01:45', '10-03T15:45 02:45', '10-03T16:45 03:45'],
    },
    everyHour: { fields: { minute: 15, hour: '*' }, gap: ['10-03T14:45 01:15', '10-03T16:15 03:15'] },
    fold: ['2026-04-04T03:00:00Z', '2026-04-05T03:00:00Z'],
    doubled: { fields: { minute: '30,45', hour: 1 }, runs: ['04-04T14:30 01:30', '04-04T14:45 01:45'] },
    folded: ['04-04T14:45 01:45', '04-04T15:15 01:45', '04-04T16:15 02:45'],
    foldedFields: { minute: 45, hour: '*' },
  },
  {
    zone: 'America/Santiago',
    // At midnight. 6 September 2026: 00:00 → 01:00. 5 April: 00:00 → 23:00 on the 4th.
    gap: ['2026-09-05T16:00:00Z', '2026-09-06T16:00:00Z'],
    skipped: { fields: { minute: '0,30', hour: 0 }, runs: ['09-06T04:00 01:00'] },
    besideGap: {
      fields: { minute: 0, hour: '23-2' },
      runs: ['09-06T03:00 23:00', '09-06T04:00 01:00', '09-06T05:00 02:00'],
    },
    everyHour: { fields: { minute: 30, hour: '*' }, gap: ['09-06T03:30 23:30', '09-06T04:30 01:30'] },
    fold: ['2026-04-04T16:00:00Z', '2026-04-05T16:00:00Z'],
    doubled: { fields: { minute: '0,30', hour: 23 }, runs: ['04-05T02:00 23:00', '04-05T02:30 23:30'] },
    folded: ['04-05T02:30 23:30', '04-05T03:30 23:30', '04-05T04:30 00:30'],
  },
])('when clocks change in $zone', (row) => {
  const [gapFrom = '', gapTo = ''] = row.gap
  const [foldFrom = '', foldTo = ''] = row.fold

  it('runs what was skipped once, at the first moment after the gap', () => {
    expect(runs(row.skipped.fields, row.zone, gapFrom, gapTo)).toEqual(row.skipped.runs)
  })

  it('runs a time that coincides with the end of the gap once', () => {
    expect(runs(row.besideGap.fields, row.zone, gapFrom, gapTo)).toEqual(row.besideGap.runs)
  })

  it('lets a schedule of every hour pass over the gap', () => {
    expect(runs(row.everyHour.fields, row.zone, gapFrom, gapTo)).toEqual(
      expect.arrayContaining(row.everyHour.gap),
    )
    const perHour = runs(row.everyHour.fields, row.zone, gapFrom, gapTo).length
    expect(perHour).toBe(row.zone === 'Australia/Lord_Howe' ? 23 : 24)
  })

  it('runs what comes twice at its first coming', () => {
    expect(runs(row.doubled.fields, row.zone, foldFrom, foldTo)).toEqual(row.doubled.runs)
  })

  it('lets a schedule of every hour run in both doubled hours', () => {
    const fields = row.foldedFields ?? row.everyHour.fields
    expect(runs(fields, row.zone, foldFrom, foldTo)).toEqual(expect.arrayContaining(row.folded))
  })

  it('never runs anything else on these days, and never twice', () => {
    for (const [from, to] of [row.gap, row.fold]) {
      const found = runs({ minute: '*/5' }, row.zone, from ?? '', to ?? '')
      expect(new Set(found).size).toBe(found.length)
      expect(found).toHaveLength((24 * 60) / 5 - 1)
    }
  })
})

describe('every clock change of every zone in ten years', () => {
  const HOUR_MS = 3_600_000
  const FROM = Date.UTC(2026, 0, 1)
  const UNTIL = Date.UTC(2036, 0, 1)

  /** What a clock shows, made without the code under test: as text, from a format of its own. */
  const clockOf = (timeZone: string) => {
    const format = new Intl.DateTimeFormat('sv', { timeZone, dateStyle: 'short', timeStyle: 'medium' })
    return (ms: number): number => Date.parse(`${format.format(ms).replace(' ', 'T')}Z`)
  }

  /** The moments at which the offset changes, to the minute. */
  function changes(wall: (ms: number) => number): number[] {
    const offset = (ms: number): number => wall(ms) - ms
    const found: number[] = []
    let before = offset(FROM)
    for (let at = FROM; at < UNTIL; at += 7 * 24 * HOUR_MS) {
      const now = offset(at)
      if (now === before) continue
      let [same, other] = [(at - 7 * 24 * HOUR_MS) / 60_000, at / 60_000]
      while (other - same > 1) {
        const middle = Math.floor((same + other) / 2)
        if (offset(middle * 60_000) === before) same = middle
        else other = middle
      }
      found.push(other * 60_000)
      before = now
    }
    return found
  }

  /** Minute by minute: a time runs when the clock first shows it, or when it passes over it. `shown` begins a day before `from`. */
  function expected(minutes: readonly number[], shown: ReadonlyMap<number, number>, from: number): number[] {
    const runs = new Set<number>()
    const done = new Set<number>()
    let last: number | undefined
    for (const [at, now] of shown) {
      // What a gap passed over, and what is shown now.
      for (let wall = last === undefined ? now : Math.min(last + 60_000, now); wall <= now; wall += 60_000) {
        const time = (wall / 60_000) % 1440
        if (!minutes.includes(time) || done.has(wall)) continue
        done.add(wall)
        if (at > from) runs.add(at)
      }
      last = now
    }
    return [...runs]
  }

  it('runs each named time once a day', { timeout: 120_000 }, () => {
    const crontabs = ['30 23 * * *', '0 0 * * *', '30 0 * * *', '0,59 1-3 * * *', '*/20 22,23,0 * * *'].map(
      (line) => {
        const [minute = '', hour = ''] = line.split(' ')
        const list = (text: string, size: number): number[] =>
          Array.from({ length: size }, (_, n) => n).filter((n) =>
            text.split(',').some((part) => {
              const [from = 0, to = from] = part.split('-').map(Number)
              return part.startsWith('*/') ? n % Number(part.slice(2)) === 0 : n >= from && n <= to
            }),
          )
        const minutes = list(hour, 24).flatMap((h) => list(minute, 60).map((m) => h * 60 + m))
        return { schedule: crontab.fromString(line), minutes, line }
      },
    )
    const seen = new Set<string>()
    const wrong: string[] = []
    for (const timeZone of Intl.supportedValuesOf('timeZone')) {
      const wall = clockOf(timeZone)
      const moments = changes(wall)
      // Zones that keep the same time are one.
      const likeness = moments.map((at) => `${at} ${wall(at) - at}`).join()
      if (moments.length === 0 || seen.has(likeness)) continue
      seen.add(likeness)
      for (const moment of moments) {
        const [from, to] = [moment - 30 * HOUR_MS, moment + 30 * HOUR_MS]
        const shown = new Map<number, number>()
        for (let at = from - 26 * HOUR_MS; at <= to; at += 60_000) shown.set(at, wall(at))
        for (const { schedule, minutes, line } of crontabs) {
          const found: number[] = []
          for (
            let at = schedule.next(from, { timeZone });
            at !== undefined && at <= to;
            at = schedule.next(at, { timeZone })
          )
            found.push(at)
          if (String(found) !== String(expected(minutes, shown, from)))
            wrong.push(`${timeZone} ${line} around ${new Date(moment).toISOString()}`)
        }
      }
    }
    expect(seen.size).toBeGreaterThan(20)
    expect(wrong).toEqual([])
  })

  it('of Scoresbysund goes from 23:00 to midnight, and what stands between runs then', () => {
    const timeZone = 'America/Scoresbysund'
    const nightly = crontab({ hour: 23, minute: 30 })
    const from = Date.parse('2026-03-27T12:00:00Z')
    const runs = [from]
    for (let n = 0; n < 3; n++) runs.push(nightly.next(runs.at(-1) ?? 0, { timeZone }) ?? 0)
    expect(runs.slice(1).map((at) => new Date(at).toISOString())).toEqual([
      '2026-03-28T01:30:00.000Z',
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T00:30:00.000Z',
    ])
  })
})
