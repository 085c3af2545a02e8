/** Values beyond this many of a label share one: a metric must not grow with what strangers send. */
export const MOST_VALUES = 1000

/** Lets so many values of a label through; later ones become `other`. */
export function boundedLabel(most = MOST_VALUES): (value: string) => string {
  const seen = new Set<string>()
  return (value) => {
    if (seen.has(value)) return value
    if (seen.size >= most) return 'other'
    seen.add(value)
    return value
  }
}
