/** A glob as Python's fnmatch reads it, as the source of an expression for the whole name. */
export function globSource(pattern: string): string {
  const body = pattern.replace(/\[!?[^\]]+\]|[\s\S]/g, (part) => {
    if (part === '*') return '.*'
    if (part === '?') return '.'
    if (part.length > 1) return `[${part.slice(1, -1).replace(/^!/, '^').replace(/\\/g, '\\\\')}]`
    return part.replace(/[\\^$.|+(){}[\]]/g, '\\$&')
  })
  return `^(?:${body})$`
}
