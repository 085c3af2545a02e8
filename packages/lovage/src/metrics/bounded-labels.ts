/** Label values beyond this many share one: untrusted input must not grow a metric. */
export const MOST_VALUES = 1000

/** Passes this many values of a label; later ones become `other`. */
export function boundedLabel(most = MOST_VALUES): (value: string) => string {
  const seen = new Set<string>()
  return (value) => {
    if (seen.has(value)) return value
    if (seen.size >= most) return 'other'
    seen.add(value)
    return value
  }
}
