export { COMMANDS } from './commands.js'
export { commandHelp, programHelp } from './help.js'
export { runCli } from './run-cli.js'
