import { OPTIONS } from './flower-options.js'

/**
 * The options section of `lovage dashboard --help`.
 *
 * @example
 * import { optionsHelp } from '@lovage/dashboard/cli'
 * console.log(optionsHelp())
 */
export function optionsHelp(): string {
  const lines = Object.entries(OPTIONS).map(([name, { initial, isFlag, help }]) => {
    const written = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    const shown = Array.isArray(initial) || initial === '' ? '' : ` (default: ${initial})`
    return `  --${written}${isFlag ? '' : ' VALUE'}`.padEnd(40) + help + shown
  })
  return `Options, with - or _, or as FLOWER_… in the environment:\n${lines.join('\n')}\n`
}
