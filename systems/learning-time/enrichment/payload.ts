/** A payload as it came: flat, or with `completion`; whatever is in it is kept. */
export type Payload = Readonly<Record<string, unknown>>

/** The payload with `completion.learning_time`, whole seconds of any size. */
export function withLearningTime(payload: Payload, seconds: bigint): Payload {
  const { completion } = payload
  const known =
    typeof completion === 'object' && completion !== null && !Array.isArray(completion) ? completion : {}
  return { ...payload, completion: { ...known, learning_time: seconds } }
}

/** The payload's JSON, in which a bigint is a number with all of its digits. */
export const bodyOf = (payload: Payload): Uint8Array => Buffer.from(write(payload))

function write(value: unknown): string {
  if (typeof value === 'bigint') return String(value)
  if (Array.isArray(value)) return `[${value.map((each) => write(each ?? null)).join(',')}]`
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return JSON.stringify(value) ?? 'null'
  const fields = Object.entries(value).filter(([, each]) => each !== undefined)
  return `{${fields.map(([name, each]) => `${JSON.stringify(name)}:${write(each)}`).join(',')}}`
}
