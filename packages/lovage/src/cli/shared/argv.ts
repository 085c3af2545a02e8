import type { Command } from 'commander'

/** Normalises long options with `_` for `-`, as in half of Celery's documentation: `--basic_auth` is `--basic-auth`. */
export function withDashes(argv: readonly string[], program: Command): readonly string[] {
  const known = new Set(
    [program, ...commandsUnder(program)].flatMap((command) =>
      command.options.flatMap((one) => [one.long, one.short]),
    ),
  )
  const end = argv.indexOf('--')
  return argv.map((argument, index) => {
    if (!argument.startsWith('--') || (end >= 0 && index >= end)) return argument
    const [name = '', ...value] = argument.split('=')
    const dashed = name.replaceAll('_', '-')
    // Only if the result is an option: a value may begin with dashes too.
    return known.has(dashed) ? [dashed, ...value].join('=') : argument
  })
}

const commandsUnder = ({ commands }: Command): readonly Command[] =>
  commands.flatMap((command) => [command, ...commandsUnder(command)])

/** Collects a repeatable option with comma-separated lists: `-I a,b -I c`. */
export function commaList(value: string, before: readonly string[] = []): readonly string[] {
  return [
    ...before,
    ...value
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean),
  ]
}
