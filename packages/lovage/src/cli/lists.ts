/** Reads an option that may be repeated and may hold a comma list: `-Q a,b -Q c`. */
export const collect = (value: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  ...value
    .split(',')
    .map((one) => one.trim())
    .filter(Boolean),
]
