import { type Command, GLOBAL_OPTIONS, type Option } from './shared/command.js'

const HEAD = 'lovage-webhooks: webhooks from the command line, on your app or on LOVAGE_WEBHOOKS_STORE.'

function optionLines(options: Readonly<Record<string, Option>>): readonly string[] {
  return Object.entries(options).map(([name, { short, value, type, help }]) => {
    const shown = `${short ? `-${short}, ` : '    '}--${name}${type === 'string' ? ` ${value ?? 'VALUE'}` : ''}`
    return `  ${shown.padEnd(32)}${help}`
  })
}

/** The help of the program. */
export function programHelp(commands: readonly Command[]): string {
  return [
    HEAD,
    '',
    'Usage: lovage-webhooks COMMAND [options]',
    '',
    'Commands:',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(14)}${summary}`),
    '',
    'Options of every command:',
    ...optionLines(GLOBAL_OPTIONS),
    '',
    'Exit codes: 0 done, 1 refused or failed, 64 wrong usage, 69 a server is away, 78 wrong configuration.',
    'Help on a command: lovage-webhooks COMMAND --help. The version: lovage-webhooks --version',
    '',
  ].join('\n')
}

/** The help of a command. */
export function commandHelp({ name, summary, forms, options, examples }: Command): string {
  return [
    `lovage-webhooks ${name}: ${summary}`,
    '',
    ...forms.map((form, at) => `${at === 0 ? 'Usage:' : '      '} lovage-webhooks ${name} ${form}`.trimEnd()),
    '',
    ...(Object.keys(options).length > 0 ? ['Options:', ...optionLines(options), ''] : []),
    'Options of every command:',
    ...optionLines(GLOBAL_OPTIONS),
    '',
    'Examples:',
    ...examples.map((example) => `  $ lovage-webhooks ${example}`),
    '',
  ].join('\n')
}
