import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crontab, interval, type SolarEvent, solar } from '../../packages/lovage/src/schedule/index.js'

/** Asks Python Celery many questions in one process. */
async function askCelery<Answer>(questions: readonly object[]): Promise<readonly Answer[]> {
  const script = fileURLToPath(new URL('schedules.py', import.meta.url))
  const python = spawn('/usr/bin/python3', [script], { stdio: ['pipe', 'pipe', 'inherit'] })
  python.stdin.end(JSON.stringify(questions))
  // The script answers each question in the shape that the caller expects.
  return JSON.parse(await text(python.stdout)) as Answer[]
}

/** As many samples as asked for; the seed is printed so that a failure can be repeated. */
function samples<T>(arbitrary: fc.Arbitrary<T>, count: number): T[] {
  const seed = Number(process.env.LOVAGE_SEED ?? Date.now() % 2 ** 31)
  console.info(`LOVAGE_SEED=${seed}`)
  return fc.sample(arbitrary, { seed, numRuns: count })
}

const iso = (ms: number | undefined | null) => (typeof ms === 'number' ? new Date(ms).toISOString() : ms)
const instant = fc.integer({ min: Date.UTC(2000, 0, 1), max: Date.UTC(2060, 0, 1) })

/** A pattern of Celery's grammar over min–max. */
function pattern(min: number, max: number, names: readonly string[] = []): fc.Arbitrary<string> {
  const value = fc.integer({ min, max }).map(String)
  const named = names.length > 0 ? fc.oneof(value, fc.constantFrom(...names)) : value
  const range = fc.tuple(named, named).map(([from, to]) => `${from}-${to}`)
  const step = fc.integer({ min: 1, max: max + 5 })
  const part = fc.oneof(
    { weight: 3, arbitrary: named },
    { weight: 2, arbitrary: range },
    fc.tuple(range, step).map(([of, by]) => `${of}/${by}`),
    step.map((by) => `*/${by}`),
  )
  return fc.oneof(
    { weight: 2, arbitrary: fc.constant('*') },
    { weight: 3, arbitrary: fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(',')) },
  )
}

const fields = fc.record({
  minute: pattern(0, 59),
  hour: pattern(0, 23),
  day_of_week: pattern(0, 6, ['sun', 'Monday', 'tue', 'WED', 'thursday', 'fri', 'sat']),
  day_of_month: pattern(1, 31),
  month_of_year: pattern(1, 12),
})

const ours = (of: Record<string, string>) =>
  crontab({
    minute: of.minute ?? '*',
    hour: of.hour ?? '*',
    dayOfWeek: of.day_of_week ?? '*',
    dayOfMonth: of.day_of_month ?? '*',
    monthOfYear: of.month_of_year ?? '*',
  })

describe('as Python Celery says', () => {
  const zone = fc.constantFrom('UTC', 'Etc/GMT+9', 'Etc/GMT-14', 'Asia/Kolkata', 'Asia/Kathmandu')

  it('a crontab is next due', { timeout: 120_000 }, async () => {
    const questions = samples(
      fc.record({ kind: fc.constant('crontab'), zone, after: instant, fields }),
      5_000,
    )
    const answers = await askCelery<{ next?: number; error?: string }>(questions)
    for (const [index, { fields, zone, after }] of questions.entries()) {
      const { next, error } = answers[index] ?? {}
      const asked = { ...fields, zone, after: iso(after) }
      if (error !== undefined) expect(() => ours(fields), JSON.stringify(asked)).toThrow('no year has')
      else expect(iso(ours(fields).next(after, { timeZone: zone })), JSON.stringify(asked)).toBe(iso(next))
    }
  })

  it('a crontab field is refused', { timeout: 60_000 }, async () => {
    const noise = fc.string({ unit: fc.constantFrom(...'0123456789*/-,sunmox'), minLength: 1, maxLength: 5 })
    const one = fc.constantFrom('minute', 'hour', 'day_of_week', 'day_of_month')
    const questions = samples(
      fc.tuple(one, noise).map(([name, text]) => {
        const plain = { minute: '*', hour: '*', day_of_week: '*', day_of_month: '*', month_of_year: '*' }
        return { kind: 'crontab', zone: 'UTC', after: 0, fields: { ...plain, [name]: text }, name, text }
      }),
      5_000,
    )
    const answers = await askCelery<{ error?: string }>(questions)
    for (const [index, { fields, name, text }] of questions.entries()) {
      // Ours is the stricter: what Celery refuses we refuse; what it half reads (`1-5/`, days in other fields) too.
      if (answers[index]?.error !== undefined)
        expect(() => ours(fields), `${name} '${text}'`).toThrow('is invalid')
    }
  })

  it('a relative interval of whole units is next due', async () => {
    const every = fc
      .tuple(fc.integer({ min: 1, max: 1 }), fc.constantFrom(1, 60, 3600, 86_400))
      .map(([n, unit]) => n * unit)
    const questions = samples(
      fc.record({ kind: fc.constant('relative'), zone, after: instant, every }),
      1_000,
    )
    const answers = await askCelery<{ next: number }>(questions)
    for (const [index, { every, zone, after }] of questions.entries()) {
      const schedule = interval(every, { relative: true })
      const mine = schedule.next(after, { timeZone: zone, anchorMs: after })
      expect(iso(mine), JSON.stringify({ every, zone, after: iso(after) })).toBe(iso(answers[index]?.next))
    }
  })

  it('the sun does something, within a minute', { timeout: 120_000 }, async () => {
    const event = fc.constantFrom<SolarEvent[]>(
      'dawn_astronomical',
      'dawn_nautical',
      'dawn_civil',
      'sunrise',
      'solar_noon',
      'sunset',
      'dusk_civil',
      'dusk_nautical',
      'dusk_astronomical',
    )
    const degrees = (limit: number) => fc.integer({ min: -limit * 100, max: limit * 100 }).map((n) => n / 100)
    const questions = samples(
      fc.record({
        kind: fc.constant('solar'),
        event,
        latitude: degrees(80),
        longitude: degrees(180),
        after: fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2040, 0, 1) }),
      }),
      1_000,
    )
    const answers = await askCelery<{ next: number | null }>(questions)
    for (const [index, { event, latitude, longitude, after }] of questions.entries()) {
      const theirs = answers[index]?.next
      const mine = solar(event, latitude, longitude).next(after)
      const asked = `${event} ${latitude} ${longitude} after ${iso(after)}: ${iso(mine)}, Celery ${iso(theirs)}`
      // A day without the event: the next one is later than a day, or never.
      if (typeof theirs !== 'number')
        expect(mine === undefined || mine - after > 20 * 3_600_000, asked).toBe(true)
      else expect(Math.abs((mine ?? 0) - theirs), asked).toBeLessThan(60_000)
    }
  })
})
