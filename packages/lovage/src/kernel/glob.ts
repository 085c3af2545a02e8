/** The source of a regular expression that matches the whole name, for a glob in Python's fnmatch syntax. */
export function globSource(pattern: string): string {
  const body = pattern.replace(/\[!?[^\]]+\]|[\s\S]/g, (part) => {
    if (part === '*') return '.*'
    if (part === '?') return '.'
    if (part.length > 1) return `[${part.slice(1, -1).replace(/^!/, '^').replace(/\\/g, '\\\\')}]`
    return part.replace(/[\\^$.|+(){}[\]]/g, '\\$&')
  })
  return `^(?:${body})$`
}
